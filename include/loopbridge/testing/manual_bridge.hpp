#pragma once

#include <chrono>
#include <memory>

#include "loopbridge/bridge.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge {

/// A bridge for tests: without a thread, on a loop that the test turns by hand, with a clock of its
/// own. So the test decides what runs, and when, and an hour of timers takes no time.
///
///   loopbridge::manual_bridge loop;
///   heartbeat h(loop.bridge(), 30s);     // the code to test; it takes a bridge&
///   loop.advance(90s);                   // returns at once
///   CHECK(h.beats() == 3);
///
/// Thread   All calls run on the thread that made it, inside run_once(), run_until_idle() and
///          advance(). That thread is the loop thread. Only that thread may call these three, and
///          not from inside a callback. Other threads may call everything that a bridge has: a
///          waiter gets its answer while this thread turns the loop.
/// Blocks   A wait on the thread that made it throws `would_deadlock`. submit() instead, turn the
///          loop, and read the eventual, which is ready then.
/// Time     The time of every uv_timer_t of the loop is virtual, also of timers that the code under
///          test makes by itself. It passes in advance() only. A timer falls due by that clock, to
///          the millisecond, whatever real time passes. All other time is real: uv_now() and
///          uv_hrtime(), the deadlines of call_for and get_for (which only other threads can use),
///          a watchdog, and uv_fs_poll_t. uv_timer_get_due_in() is of no use: a distant due time
///          keeps waiting timers from firing.
class manual_bridge {
 public:
  /// Makes a loop, and a bridge to it. `opts` must not have on_thread_start, on_thread_exit,
  /// blocked_signals and stack_size, which need a thread of the bridge's own.
  /// Thread   any ordinary thread, which is the loop thread from then on
  /// Throws   std::system_error (no descriptors, a failing uv call), std::bad_alloc, and
  ///          std::invalid_argument for such options and for those that make no sense
  explicit manual_bridge(options opts = {});

  /// Stops the bridge, which runs what is queued and ends all waiters, and closes the loop. Handles
  /// that are still open are reported to options::on_open_handle, or stderr, and closed.
  /// Thread   the one that made it
  /// Blocks   while libuv's own threads work on requests
  ~manual_bridge();
  manual_bridge(const manual_bridge&) = delete;
  manual_bridge& operator=(const manual_bridge&) = delete;

  /// The bridge, for the code under test. It lives as long as this.
  /// Thread   any
  loopbridge::bridge& bridge() noexcept;

  /// The loop, for handles that the test itself makes between iterations.
  /// Thread   the one that made it
  loop_ref loop() noexcept;

  /// Runs one iteration of the loop: timers that are due, I/O that is ready, calls that are queued,
  /// close callbacks. Returns whether more is ready already. Never sleeps.
  /// Throws   std::logic_error on another thread, or inside a callback; `wrong_process`
  bool run_once();

  /// Runs iterations until nothing more is ready: what is left waits for time, for I/O, for libuv's
  /// own threads (files, names), or for another thread.
  /// Throws   std::runtime_error after 100,000 iterations: a uv_idle_t is active, or calls that
  ///          post themselves never let it end; std::logic_error on another thread, or inside a
  ///          callback; `wrong_process`
  void run_until_idle();

  /// Lets `time` pass, in whole milliseconds, rounded up. First runs until idle. Then fires the
  /// timers that fall due, each at its own time, and runs until idle after each; timers that these
  /// start are among them. No time at all is the same as run_until_idle().
  /// Throws   std::runtime_error after 100,000 iterations that did not end idle: the clock then
  ///          stands where it came to; std::logic_error on another thread, or inside a callback;
  ///          `wrong_process`
  /// Order    Timers due at the same time fire in the order in which they were started, as libuv's
  ///          do.
  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> time) {
    advance_by(std::chrono::ceil<std::chrono::milliseconds>(detail::in_nanoseconds(time)));
  }

  /// How far advance() has gone. In a timer's callback: when that timer was due.
  /// Thread   the one that made it
  std::chrono::milliseconds now() const;

 private:
  void advance_by(std::chrono::milliseconds time);

  class clock;
  std::unique_ptr<clock> clock_;
};

}  // namespace loopbridge
