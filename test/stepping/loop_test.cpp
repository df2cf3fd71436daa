// The loop's own thread, stepped through a whole turn: taking the snapshot, running and completing
// all kinds of calls, releasing them, arming the bell, sleeping, waking. At each instruction a
// handler comes. (A program's handlers can come there: options::blocked_signals, adopted loops.)
#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "stepping/support/loop_turn.hpp"
#include "stepping/support/stepped_bridge.hpp"
#include "stepping/support/sweep.hpp"
#include "support/patience.hpp"
#include "sync/spin.hpp"

TEST_SUITE_BEGIN("stepping: the loop's thread");

using loopbridge::bridge;
using loopbridge::doorbell;
using loopbridge::status;
using namespace stepping;
using support::comes_true;

namespace {

/// Not on adopted loops, where only a turn that has begun shows which thread is the loop's.
constexpr loop_handler waits{
    "waits, is refused",
    [](bridge&, loopbridge::reentrant_call& fired, tally&) { return fired.call_for(patience); }, 0,
    status::would_deadlock};

/// A thread that is asleep in a call() when this has been made.
class answered_thread {
 public:
  explicit answered_thread(bridge& b)
      : thread_([this, &b]() noexcept {
          state_.emplace();
          known_ = true;
          b.call([] {});
        }) {
    REQUIRE(comes_true([this] { return known_ && state_->is_asleep(); }));
  }
  ~answered_thread() { thread_.join(); }
  answered_thread(const answered_thread&) = delete;
  answered_thread& operator=(const answered_thread&) = delete;

 private:
  std::optional<thread_state> state_;
  std::atomic<bool> known_{false};
  std::thread thread_;
};

constexpr loop_handler stops{"stops",
                             [](bridge& b, loopbridge::reentrant_call&, tally&) {
                               b.stop_reentrant();
                               return status::accepted;
                             },
                             0, status::accepted, true};

/// A bridge's own thread, from inside a callable, through the rest of that turn, a sleep and a
/// wake-up, into a callable of the next turn; or to the thread's end, if the handler stops it.
class own_loop {
 public:
  explicit own_loop(doorbell kind, loopbridge::spinning spin = loopbridge::spinning::off)
      : bridge_(loopbridge::options{
            .doorbell = kind, .spin = spin, .on_thread_exit = [this] { finish(); }}),
        fired_(bridge_, [this](std::uint64_t n) { tally_->nested_ran += static_cast<int>(n); }),
        own_(bridge_, [this](std::uint64_t n) { tally_->ran += static_cast<int>(n); }) {
    bridge_.call([this] { loop_thread_.emplace(); });
  }

  bool visit(const boundary& at, const loop_handler& h, report& r) {
    return turn(h, [&](interruption& i) { return i.start(at); }, r);
  }
  path way() {
    report unused;
    turn(handlers[0], [](interruption& i) { return (i.start_recording(), true); }, unused);
    return recorded();
  }

 private:
  template <class Start>
  bool turn(const loop_handler& h, Start&& start, report& r) {
    tally& t = *(tally_ = std::make_unique<tally>());
    expect_progress("the loop's thread");
    const auto nested = [&] {
      t.told = h.run(bridge_, fired_, t);
      t.handled = true;
    };
    interruption step(nested);
    mixed_calls calls;
    std::atomic<bool> queued{false};
    std::atomic<bool> started{false};
    visited_ = finished_ = false;
    auto* const spinners = loopbridge::detail::bridge_access::core(bridge_).spinning();
    bridge_.post([&] {  // holds the loop until all is queued that this turn shall run
      while (!queued) std::this_thread::yield();
    });
    bridge_.post([&] {
      if (spinners != nullptr) spinners->loop.trust();
      if (start(step)) step_ = &step;
      started = true;
    });
    calls.submit(bridge_, own_, t);
    {
      const answered_thread caller(bridge_);  // waits for an answer in that turn
      queued = true;
      // Nobody else wakes the loop while the handler's call waits: it must see to that itself.
      if (!comes_true([&] { return started && (t.handled ? h.done(bridge_, t) : is_asleep()); })) {
        ++r.hung;
      }
    }
    if (bridge_.try_post([this] { finish(); }) != status::accepted) bridge_.stop();
    if (!comes_true([&] { return finished_ && (!t.handled || h.done(bridge_, t)); })) ++r.hung;
    if (bridge_.stop_requested()) {
      bridge_.stop();
    } else {
      bridge_.call_for(patience, [] {});
    }
    if (!calls.all_answered()) ++r.lost;
    judge(r, t, visited_, h.runs);
    if (visited_ && t.told != h.expected) ++r.refused;
    if (visited_) ++r.points;
    return visited_;
  }

  bool is_asleep() const { return loop_thread_->is_asleep(); }
  /// On the loop's thread, at the latest when that ends.
  void finish() {
    if (step_ != nullptr) visited_ = std::exchange(step_, nullptr)->finish();
    finished_ = true;
  }

  std::unique_ptr<tally> tally_ = std::make_unique<tally>();
  interruption* step_ = nullptr;  ///< loop's thread
  std::atomic<bool> visited_{false};
  std::atomic<bool> finished_{false};
  std::optional<thread_state> loop_thread_;
  bridge bridge_;
  loopbridge::reentrant_call fired_;
  loopbridge::reentrant_call own_;
};

}  // namespace

TEST_CASE("a bridge's own thread may be interrupted anywhere in a turn" *
          doctest::skip(!available)) {
  for (const auto kind : {doorbell::wakeup_fd, doorbell::uv_async}) {
    std::optional<own_loop> loop(std::in_place, kind);
    loop->way();  // first uses
    const path way = loop->way();
    for (const loop_handler* const h : {&handlers[0], &handlers[1], &waits, &stops}) {
      report r;
      const auto visit = [&](const boundary& at) {
        if (h->stops) loop.emplace(kind);
        return loop->visit(at, *h, r);
      };
      for_each_boundary(r, way, {.all_up_to = 5000}, visit, [&] { return r.hung >= 3; });
      print_and_check(
          std::string("a turn of the bridge's thread, ") + name_of(kind) + ", handler " + h->name,
          r);
    }
  }
}

// As many of its looks as come by: a spin takes its time, not a number of instructions.
TEST_CASE("a bridge's own thread may be interrupted anywhere in a turn in which it spins" *
          doctest::skip(!available)) {
  std::optional<own_loop> loop(std::in_place, doorbell::wakeup_fd, loopbridge::spinning::adaptive);
  loop->way();
  const path way = loop->way();
  for (const loop_handler* const h : {&handlers[1], &stops}) {
    report r;
    const auto visit = [&](const boundary& at) {
      if (h->stops) loop.emplace(doorbell::wakeup_fd, loopbridge::spinning::adaptive);
      return loop->visit(at, *h, r);
    };
    for_each_boundary(r, way, {.all_up_to = 1000}, visit, [&] { return r.hung >= 3; });
    print_and_check(std::string("a turn of a bridge's thread that spins, handler ") + h->name, r);
  }
}
