#pragma once

#include <signal.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory_resource>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "loopbridge/loop_ref.hpp"

struct uv_handle_s;

namespace loopbridge {

/// How a sender wakes a sleeping loop.
enum class doorbell {
  /// An eventfd (a non-blocking pipe where there is none) that the loop polls. The write keeps no
  /// state, so a handler may interrupt it anywhere, ring again, and wait for the answer.
  wakeup_fd,
  /// libuv's own uv_async_t. Everything works but one thing: a handler may submit, but waiting in
  /// a handler is refused. uv_async_send marks itself pending before it writes, so a handler that
  /// interrupts it there would wait for a wake-up that only the interrupted code could send.
  uv_async,
};

/// Whether a waiting thread, and the loop when it runs dry, look again and again for a moment
/// before they sleep.
enum class spinning {
  /// Spins where that has paid lately: for at most 50 us, and not where a third thread wants the
  /// CPU. While the loop watches descriptors, for at most 100 us, in which it looks at them, and
  /// other threads get the CPU first. An idle bridge costs nothing. For some CPU time more, an
  /// answer comes in half the time where caller and loop share a CPU, and in a small part of it
  /// where they do not.
  adaptive,
  off,
};

/// What stop() does with calls that were accepted but have not started.
enum class queued_calls {
  run,     ///< they run, in order, before the loop ends
  refuse,  ///< they end in `bridge_stopped`; their callables are destroyed without running
};

/// A failure that has no waiter: see options::on_unhandled_error.
struct unhandled_error {
  std::exception_ptr error;
  std::source_location where;  ///< of the submission; its line is 0 where that is not known
  const char* bridge;          ///< the bridge's name
};

/// A uv handle that was still open when the bridge stopped: see options::on_open_handle.
struct open_handle {
  const char* type;     ///< libuv's name for it: "tcp", "timer", "poll" ...
  uv_handle_s* handle;  ///< for its owner: still open, and may be closed by the hook itself
  const char* bridge;   ///< the bridge's name
};

/// Something that lasts too long and has not ended yet: see options::watchdog.
struct overdue {
  enum class kind {
    callback,  ///< a callable that runs on the loop
    turn,      ///< calls are queued, and the loop does not come round: a callback of libuv's, say
  };
  kind what;
  std::chrono::nanoseconds so_far;  ///< how long it has lasted
  std::source_location where;       ///< of the submission; its line is 0 where that is not known
  const char* bridge;               ///< the bridge's name
};

constexpr const char* to_string(overdue::kind k) noexcept {
  switch (k) {
    case overdue::kind::callback:
      return "a callback has run for";
    case overdue::kind::turn:
      return "calls are queued, and the loop has not come round for";
  }
  return "unknown";
}

/// Reports callables and turns that last too long, while they last.
struct watchdog_options {
  /// The limit. A callable or a turn that lasts longer is reported once, while it is still stuck. A
  /// thread of the watchdog's own does so, which wakes as often as this says. Each call pays for
  /// two looks at the clock and a lock; statistics::longest_callback comes along. Zero or less
  /// disables the watchdog and its cost. (A thread that waits too long needs none: it waits with a
  /// deadline.)
  std::chrono::nanoseconds callback{0};
  /// Receives the reports, on the watchdog's thread. Must not throw, and must not wait for the
  /// bridge. Stopping the bridge waits for a report that is being made. Not given: one line on
  /// stderr.
  std::function<void(const overdue&)> on_overdue = {};
};

/// A function that takes a loop_ref, or nothing.
class thread_start_function {
 public:
  thread_start_function() noexcept = default;
  thread_start_function(std::nullptr_t) noexcept {}  // NOLINT: implicit
  template <class F>
    requires(!std::is_same_v<F, thread_start_function> &&
             (std::is_invocable_v<F&, loop_ref> || std::is_invocable_v<F&>))
  thread_start_function(F f) {  // NOLINT: implicit
    if constexpr (std::is_invocable_v<F&, loop_ref>) {
      f_ = std::move(f);
    } else if (std::function<void()> without = std::move(f)) {
      f_ = [run = std::move(without)](loop_ref) { run(); };
    }
  }

  explicit operator bool() const noexcept { return bool(f_); }
  void operator()(loop_ref loop) const { f_(loop); }

 private:
  std::function<void(loop_ref)> f_;
};

/// How a bridge is set up. Every member has a default that suits most programs.
struct options {
  /// Names the loop's thread (cut to what the system allows: 15 bytes on Linux) and the bridge in
  /// messages.
  std::string name = "loopbridge";

  loopbridge::doorbell doorbell = doorbell::wakeup_fd;

  /// Never applies to waits in handlers, or to an adopted loop's thread, whose time is its owner's.
  spinning spin = spinning::adaptive;

  /// How many calls of post_reentrant() may be queued at once. More are refused as `exhausted`. The
  /// number is fixed, because a handler cannot allocate. It is rounded up to a multiple of 64. The
  /// constructor throws std::bad_alloc for more than memory holds.
  std::size_t reentrant_slots = 256;

  /// How many calls may wait for the loop's next turn. 0: any number, at no cost. It bounds the
  /// memory that calls take, at twice as many: the loop takes all that wait and runs them, and
  /// meanwhile as many again may wait. Threads that submit at the very same moment may go beyond it
  /// by one each.
  ///
  /// Counted are post, try_post, submit, try_submit, call and call_for, on every thread, the loop's
  /// too. Handlers' calls are not counted: their slots are fixed (see reentrant_slots). So however
  /// many threads flood the bridge, a handler finds its own free.
  std::size_t capacity = 0;

  /// How long a call that finds the bridge full waits for room, before it throws `bridge_full` and
  /// the calling thread destroys its callable. The default: as long as it takes. Zero: not at all.
  /// Less than zero: the bridge's constructor throws std::invalid_argument. A call_for ends with
  /// its own deadline too, in `timed_out`; try_post and try_submit never wait.
  ///
  /// The loop lets all waiting calls go when it takes its calls; which of them get in is open. The
  /// bridge's end lets them go in `bridge_stopped`. On the loop's own thread, which alone makes
  /// room, and where loops would wait for each other in a cycle, a call does not wait but throws
  /// `would_deadlock`.
  std::chrono::nanoseconds patience = (std::chrono::nanoseconds::max)();

  /// Where calls live while they are queued or unanswered, with their callables, arguments and
  /// results. Null: blocks of the library's own, recycled, so that the loop never enters malloc.
  /// Every thread and the loop use a resource that is given here, so it must be thread-safe and
  /// outlive every handle of the bridge. Handlers never enter it.
  ///
  /// Through it a garbage collector sees what calls point to: those of post, submit and call_for,
  /// reentrant_calls, the slots of post_reentrant. (call() lives on the caller's stack, and a
  /// completer takes a resource of its own.) Not there: what exceptions hold, which the C++ runtime
  /// keeps, and the functions of these options. A collector that scans threads' stacks must know
  /// the loop's too, because a call's values are there while it runs: see on_thread_start.
  std::pmr::memory_resource* memory = nullptr;

  /// Signals blocked on the loop's thread. That thread sets its own mask; the caller's is left
  /// alone. Not given: all, except those that collectors stop the world with (SIGPWR, SIGXCPU),
  /// SIGPROF and the synchronous ones (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS),
  /// so that handlers run on the program's own threads. SIGCHLD is open while the loop has children
  /// of uv_spawn's, because libuv's handler for it must run somewhere. If you block SIGCHLD here,
  /// or run an adopted loop, leave it open on some other thread; otherwise no child's end is
  /// reported.
  ///
  /// Children that a callable starts by popen(), system(), posix_spawn() or fork and exec inherit
  /// the mask. So that such children can be ended, SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM and
  /// SIGCHLD are open while the loop is awake: each if the program has no handler for it (a change
  /// counts after 10 ms at the latest) and the thread that made the bridge did not block it. A
  /// program that fetches one of them by sigwait or a signalfd blocks it before it makes the
  /// bridge, as before it starts any thread, or has it in a set given here. What children get of
  /// the others, and how to give them another mask: docs/reference/children.md.
  std::optional<sigset_t> blocked_signals = {};

  /// The stack of the loop's thread, in bytes, and of the watchdog's if there is one: the threads
  /// that run the program's callables and hooks. Rounded up to whole pages. 0: the larger of 1 MiB
  /// and what the system gives a thread by default (glibc 8 MiB, as a rule; musl 128 KiB). For less
  /// than 64 KiB, and for what the system refuses, the constructor throws a std::system_error that
  /// names this option. Not for adopted loops, which have no thread of ours.
  std::size_t stack_size = 0;

  /// Run on the loop's thread, before its first turn and after its last. Garbage collectors and
  /// language runtimes register the thread here. The first may take a loop_ref: it can make handles
  /// before any call runs. The bridge's constructor throws what `on_thread_start` throws. Not for
  /// adopted loops, which have no thread of ours.
  thread_start_function on_thread_start = {};
  std::function<void()> on_thread_exit = {};

  /// Receives every failure that has no waiter: what a posted callable threw, a failed call whose
  /// handle was dropped unread, a posted call that a stop refused. Called on the thread where that
  /// comes to light, mostly the loop's. Must not throw. Handles may outlive the bridge, and a late
  /// failure is reported too, so the hook must own what it uses. Not given: one line on stderr.
  std::function<void(const unhandled_error&)> on_unhandled_error = {};

  /// Receives each handle of the program's that is still open when the bridge stops, on the loop's
  /// thread. The hook may close the handle with a callback of its own, which is then run. The
  /// bridge closes what the hook leaves open. Not given: one line on stderr. Not for adopted loops,
  /// whose handles are their owner's.
  std::function<void(const open_handle&)> on_open_handle = {};

  queued_calls on_stop = queued_calls::run;

  /// Stops the bridge when the thread that made it ends, although others run and may wait for its
  /// answers: the main thread, say, that leaves by pthread_exit or returns from main. It does so as
  /// stop() on that thread, after the thread's thread_local objects are destroyed, by a pthread
  /// key. Where that thread calls exit(), or returns from main, it does so in the order of
  /// std::atexit: before static objects are destroyed that are older than the first such bridge of
  /// the main thread.
  bool stop_at_thread_end = false;

  watchdog_options watchdog = {};
};

}  // namespace loopbridge
