#include "world.hpp"

#include <chrono>
#include <thread>

#include "job.hpp"
#include "station.hpp"

namespace soak {

const support::numbered_locations booked("the account", account::most_calls);
const support::numbered_locations booked_prepaid("the prepaid calls", 16);

world::world(account& a, tally& t) : books(a), counts(t) {}
world::~world() = default;

bool world::is_leaf(int site) const noexcept {
  if (site < 0) return false;
  return ((leaves | brief_leaves.load(std::memory_order_relaxed)) >> site & 1) != 0;
}

void world::check_deadlock(int target, const account::loop_waits& by, id i) {
  count(counts.deadlocks);
  if (here.loop_of < 0) {
    books.complain("would_deadlock on a thread that runs no loop", i);
  } else if (target >= 0 && here.loop_of != target && is_leaf(target)) {
    books.complain("would_deadlock, although that loop waits for nobody", i);
  } else if (!by.may_be_in_a_cycle()) {
    books.complain("would_deadlock, although nobody waits for the loop that waits", i);
  }
}

void world::on_unhandled(const loopbridge::unhandled_error& e) noexcept {
  const bool is_stop = [&] {
    try {
      std::rethrow_exception(e.error);
    } catch (const loopbridge::bridge_stopped&) {
      return true;
    } catch (...) {
      return false;
    }
  }();
  if (booked.has(e.where)) {
    if (broken != nullptr && broken->due(faults::breakage::hush_report)) {
      ++broken->done;
      return;
    }
    books.note_reported(e.where.line());
    if (broken != nullptr && broken->due(faults::breakage::report_twice)) {
      ++broken->done;
      books.note_reported(e.where.line());
    }
  } else if (booked_prepaid.has(e.where)) {
    prepaid& p = *prepaids[e.where.line()];
    count(is_stop ? p.reported_stopped : p.reported_thrown);
  } else if (e.where.line() == 0) {
    books.complain("a failure was reported without its place");
  }
}

prepaid::prepaid(world& w, station& s, std::uint32_t index)
    : in(w),
      site(s.site()),
      may_wait(!s.plan().async_doorbell),
      call(std::in_place, s.bridge(), body(*this), booked_prepaid[index]) {}

prepaid::body::~body() {
  if (of_ != nullptr) of_->bodies.fetch_sub(1, std::memory_order_relaxed);
}

void prepaid::body::operator()(std::uint64_t firings) {
  if (here.loop_of != of_->site) of_->in.books.complain("a prepaid call ran on a strange thread");
  if (firings == 0) of_->in.books.complain("a prepaid call ran for no firing");
  const std::uint64_t before = of_->served.fetch_add(firings, std::memory_order_relaxed);
  // Now and then long enough for others to fire meanwhile.
  if (before % 8 == 3) std::this_thread::sleep_for(std::chrono::microseconds(50));
  if (firings % 16 != 5) return;
  count(of_->threw);
  throw job_failed(none);
}

bool prepaid::all_served() const noexcept {
  return served >= fired + answered || in.books.at(site).stop_begun;
}

/// What ran must be what was fired. A firing that timed out may have run or not, and a stop may
/// have kept some from running; but then it says so.
void prepaid::settle() {
  call.reset();
  account& books = in.books;
  const std::uint64_t due = fired + answered;
  if (served > due + timed_out) books.complain("a prepaid call ran more often than it was fired");
  if (served < due && reported_stopped == 0) books.complain("firings of a prepaid call are lost");
  if (reported_stopped != 0 && served >= due + timed_out) {
    books.complain("firings were reported as stopped, although all have run");
  }
  if (threw != reported_thrown) books.complain("a prepaid call's failure was not reported once");
  if (bodies != 0) books.complain("a prepaid callable was not destroyed once");
}

}  // namespace soak
