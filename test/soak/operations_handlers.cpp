#include <errno.h>
#include <signal.h>

#include <chrono>

#include "job.hpp"
#include "operations.hpp"

// What signal handlers do. Nothing here allocates, locks or throws.
namespace soak {
namespace {

using loopbridge::status;
using namespace std::chrono_literals;

struct bare_job {
  world* in;
  id of;
  bool throws;
  void operator()() const {
    in->books.note_run(of);
    if (!throws) return;
    in->books.note(of, threw);
    throw job_failed(of);
  }
};

/// Something for the handler to do, chosen by its own generator.
void act_in_handler(handler_state& h) noexcept {
  world& w = *h.in;
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(h.engine() % n); };
  const std::uint32_t what = below(8);
  if (h.bridges_usable && what < 3) {
    station& s = *w.stations[below(static_cast<std::uint32_t>(w.stations.size()))];
    if (what < 2) return post_bare(w, s, 1 + below(3));
    if (below(150) == 0) {
      w.books.at(s.site()).stop_begun.store(true, std::memory_order_relaxed);
      s.bridge().stop_reentrant();
    }
    return;
  }
  if (w.prepaids.empty()) return;
  prepaid& p = *w.prepaids[below(static_cast<std::uint32_t>(w.prepaids.size()))];
  if (what < 5) return fire_prepaid(p);
  wait_for_prepaid(w, p, what == 7 ? 2ms : std::chrono::microseconds(below(300)));
  count(w.counts.waited_in_handler);
}

void on_signal(int) {
  handler_state* const h = handling;
  if (h == nullptr) return;
  const int saved = errno;
  const doing that("a signal handler");
  count(h->in->counts.signals);
  for (int left = 1 + static_cast<int>(h->engine() % 3); left > 0; --left) {
    errno = 4711;
    act_in_handler(*h);
    if (errno != 4711) h->in->books.complain("errno was changed");
  }
  errno = saved;
}

}  // namespace

void install_handler() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

void post_bare(world& w, station& s, std::uint32_t times) noexcept {
  const doing that("post_reentrant");
  for (; times > 0; --times) {
    count(w.counts.bare);
    const id i = w.books.open(kind::bare, s.site());
    if (i == none) return;
    const status got = s.bridge().post_reentrant(bare_job{&w, i, i % 64 == 0}, booked[i]);
    if (got == status::accepted) {
      w.books.accept(i);
    } else {
      if (got == status::exhausted) count(w.counts.exhausted);
      if (got != status::exhausted && got != status::bridge_stopped) {
        w.books.complain("post_reentrant: a strange status", i);
      }
      w.books.refuse(i, got == status::bridge_stopped);
    }
  }
}

void fire_prepaid(prepaid& p) noexcept {
  const doing that("reentrant_call::post");
  count(p.in.counts.fire);
  const status got = p.call->post();
  if (got == status::accepted) {
    p.fired.fetch_add(1, std::memory_order_relaxed);
  } else if (got != status::bridge_stopped || !p.in.books.at(p.site).stop_begun.load()) {
    p.in.books.complain("reentrant_call::post: a strange status");
  }
}

void wait_for_prepaid(world& w, prepaid& p, std::chrono::microseconds timeout) noexcept {
  const doing that("reentrant_call::call_for");
  count(w.counts.wait);
  switch (p.call->call_for(timeout)) {
    case status::answered:
      p.answered.fetch_add(1, std::memory_order_relaxed);
      break;
    case status::timed_out:
      p.timed_out.fetch_add(1, std::memory_order_relaxed);
      break;
    case status::exhausted:
      count(w.counts.exhausted);
      break;
    case status::bridge_stopped:
      if (!w.books.at(p.site).stop_begun.load()) w.books.complain("call_for: stopped by nobody");
      break;
    case status::unsupported:
      if (p.may_wait) w.books.complain("call_for: unsupported on a doorbell that supports it");
      break;
    case status::would_deadlock:
      if (here.loop_of != p.site) w.books.complain("call_for: would_deadlock on another thread");
      break;
    default:
      w.books.complain("call_for: a strange status");
  }
}

}  // namespace soak
