#pragma once

#include <chrono>
#include <memory>

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// A bridge for tests: without a thread, on a loop that the test turns by hand, and with a clock of
/// its own. What runs, and when, is then the test's to say; an hour of timers takes no time.
///
///   loopbridge::manual_bridge loop;
///   heartbeat h(loop.bridge(), 30s);     // the code to test; it takes a bridge&
///   loop.advance(90s);                   // returns at once
///   CHECK(h.beats() == 3);
///
/// Everything runs on the thread that made it, inside run_once(), run_until_idle() and advance(),
/// which only that thread may call, and not from inside a callback: else they throw
/// std::logic_error. So that is the loop's thread. What waits throws `would_deadlock` there:
/// submit() instead, turn, and read the eventual, which is ready then. Other threads may call
/// everything, as on any bridge; who waits gets the answer while this one turns.
///
/// Time, as uv_timer_t knows it, is virtual: it stands still but in advance(). A timer that is
/// started falls due so much later by that clock, to the millisecond, whatever real time passes.
/// Virtual are all timers of the loop, also those that code under test makes by itself. Real is
/// what does not come from a uv_timer_t: uv_now() and uv_hrtime(), the deadlines of call_for and
/// get_for (which only other threads can use), a watchdog, and uv_fs_poll_t. uv_timer_get_due_in()
/// is of no use: timers that wait are kept from firing by a distant due time.
class manual_bridge {
 public:
  /// As bridge::adopt(), on a loop of its own: without on_thread_start, on_thread_exit,
  /// blocked_signals and stack_size. Throws like it.
  explicit manual_bridge(options opts = {});

  /// Stops the bridge, which runs what is queued and ends all waiters, and closes the loop. Handles
  /// that are still open are reported to options::on_open_handle, or stderr, and closed, as a
  /// bridge with a thread does; requests still at work in libuv's threads are waited for. On the
  /// thread that made it.
  ~manual_bridge();
  manual_bridge(const manual_bridge&) = delete;
  manual_bridge& operator=(const manual_bridge&) = delete;

  /// What to hand to the code under test. Any thread; good for as long as this lives.
  loopbridge::bridge& bridge() noexcept;

  /// The loop, for handles that the test itself makes between turns. On the thread that made it.
  loop_ref loop() noexcept;

  /// One turn of the loop: timers that are due, I/O that is ready, calls that are queued, close
  /// callbacks. Never sleeps. True: more is ready already.
  bool run_once();

  /// Turns until nothing more is ready: what is left waits for time, for I/O, for libuv's own
  /// threads (files, names), or for another thread. Throws std::runtime_error after 100,000 turns,
  /// for a uv_idle_t that is active, or calls that post themselves, never let it end.
  void run_until_idle();

  /// Lets so much time pass: turns until idle, fires the timers that fall due, in order, each at
  /// its own time and each followed by turns until idle, and so on to the end of that time, with
  /// those that they start. Timers due at the same time fire in the order in which they were
  /// started, as libuv's do. In whole milliseconds, rounded up; no time at all is the same as
  /// run_until_idle(). Throws like that; the clock then stands where it came to.
  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> time) {
    advance_by(std::chrono::ceil<std::chrono::milliseconds>(detail::in_nanoseconds(time)));
  }

  /// How far advance() has gone. In a timer's callback: when it was due. The same thread.
  std::chrono::milliseconds now() const;

 private:
  void advance_by(std::chrono::milliseconds time);

  class clock;
  std::unique_ptr<clock> clock_;
};

}  // namespace loopbridge
