#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/handlers/reentrant_post.hpp"
#include "loopbridge/detail/loop/submit.hpp"
#include "loopbridge/results/eventual.hpp"
#include "loopbridge/submission.hpp"

struct uv_loop_s;

namespace loopbridge {

struct options;
struct statistics;
class bridge_ref;
namespace detail {
struct bridge_access;
}

/// What a call of an `F` gives: what that returns; of a deferred<T>, task<T> or eventual<T>, the T.
template <class F>
using call_result_t = detail::answer_t<detail::bound_call_of<F>>;

/// A libuv loop in a background thread, and the way to it from everywhere else.
///
/// Calls run on the loop thread, one after the other, in the order in which they were submitted.
/// That is one order for all threads.
///
/// A callable takes nothing, or a `loop_ref` (or a uv_loop_t*). What else it needs it captures; for
/// functions with arguments see wrap(). It may be move-only. It is moved into the call, invoked
/// once, as an rvalue, and destroyed on the loop thread before the result is announced. A callable
/// that never runs is destroyed
///   - of a cancelled call: by the thread that cancels;
///   - of a refused call: by the thread that submits;
///   - of a call that is queued when the bridge stops: by the thread that ends the bridge, which is
///     the loop's unless the loop is adopted.
///
/// Which function may be called where ("ordinary" means outside signal handlers):
///
///   post, try_post, submit,
///   try_submit, at_stop, stop       any ordinary thread, the loop's too
///   call, call_for                  any ordinary thread but the loop's
///   post_reentrant, stop_reentrant  anywhere: handlers and finalizers, at any instruction, also
///                                   inside another of these calls
///
/// All of them may run at the same time on one bridge. Move or destroy a bridge only after every
/// member call has returned. Handles (eventual, completer, reentrant_call) may outlive it.
///
/// A duration, here and wherever the library takes one, may be of any unit and type. One that is
/// not positive (zero, negative, NaN) is no time at all. One that the clock cannot tell (292 years:
/// max(), infinity) is for ever. All others are rounded up to a nanosecond.
///
/// Destructors and finalizers run by C++ (also at a thread's end, at exit and in unwinding), by
/// Boehm's collector, Lua or CPython are ordinary code: they may call what their thread may, even
/// in the middle of malloc or of one of these functions. Two restrictions:
///   1. Do not wait while holding what the loop needs for the answer: a lock that an allocator
///      holds while it finalizes, CPython's GIL.
///   2. A finalizer may find itself on the loop thread, because something there allocated.
///      Submitting works there; waiting throws `would_deadlock` (a reentrant_call returns it).
///
/// Where it is not known what is held or which thread runs, or where no memory may be asked for,
/// use a reentrant_call.
///
/// All of it works while the dynamic linker holds its lock: in static objects of a library that
/// dlopen() loads or dlclose() destroys, and in threads that these wait for. A library with calls
/// of its own code on another's bridge may be unloaded as soon as it has their answers: no code of
/// a call runs on the loop after that. It must wait longer after a timeout or a cancel (the call
/// may still run or be in the list); while an exception that it threw is alive; after a post, until
/// a later call has returned; and until a callback of its own that resolved a completer has
/// returned. Its own bridges end in their destructors. loopbridge itself is never unloaded. A
/// library that is unloaded and has loopbridge linked in statically has ended its bridges before,
/// on other threads than their loops', and uses no default_bridge().
///
/// After the end   every function refuses, with `bridge_stopped` or status::bridge_stopped. A
///          bridge that was moved from: with `no_state` or status::bridge_stopped. In a forked
///          child: with `wrong_process`, and nothing of the parent's is touched.
class bridge {
 public:
  /// Starts the loop in a new thread; returns when options::on_thread_start has (options.hpp).
  ///
  /// Throws   std::system_error (no descriptors, no thread, a failing uv call: with libuv's code
  ///          and text); what options::on_thread_start throws; std::invalid_argument for options
  ///          that make no sense; std::bad_alloc. Nothing is left behind then.
  bridge();
  explicit bridge(options opts);

  /// Bridges to a loop that the application runs itself, on the calling thread or a later one.
  ///
  /// Thread   where the loop's handles may be touched: on its thread, or before it runs. Until the
  ///          loop's first turn shows which thread runs it, the calling thread counts as that
  ///          thread. So a blocking call there throws `would_deadlock`, and does not wait for a
  ///          loop that nobody runs.
  /// Throws   std::invalid_argument for a null loop and for options that need a thread of ours or
  ///          make no sense; std::system_error, std::bad_alloc.
  ///
  /// Calls run while the loop runs; those accepted before its first turn run from that on. Our
  /// handles keep it alive only while accepted calls wait to run: with nothing of the program's
  /// alive, uv_run returns at once. A call of the loop's own thread keeps it alive wherever it is
  /// accepted, also in the last callback of uv_run. One that another thread or a handler submits
  /// after the last check phase waits until something else is alive, or the bridge stops: keep a
  /// handle active while others submit. (One that hands the loop on submits when it turned there.)
  ///
  /// When uv_run has returned for good, stop or destroy the bridge on the loop's thread: that ends
  /// every waiter. Then run the loop once more (UV_RUN_NOWAIT) before uv_loop_close, as after any
  /// uv_close, so that our handles' close callbacks run.
  static bridge adopt(uv_loop_s* loop);
  static bridge adopt(uv_loop_s* loop, options opts);

  /// stop(). On the loop's own thread it does not join, and the loop ends by itself.
  ~bridge();
  bridge(bridge&&) noexcept = default;
  bridge& operator=(bridge&& other) noexcept;

  /// Runs `f` on the loop; nobody waits. What `f` throws goes to options::on_unhandled_error, with
  /// the place of this call. Takes one block of memory, recycled.
  ///
  /// Blocks   with a capacity only, for room: see options::patience.
  /// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
  ///          capacity, `bridge_full` and `would_deadlock`. `f` does not run then.
  template <class F>
  void post(F&& f, std::source_location where = std::source_location::current()) {
    detail::post_to(core(), where, std::forward<F>(f));
  }

  /// post() for code that must neither throw nor wait: destructors, C callbacks. A full bridge
  /// refuses at once, whatever options::patience is. Moving the callable must not throw.
  ///
  /// Returns  `accepted`, `bridge_stopped`, `bridge_full`, `exhausted` (no memory) or
  ///          `wrong_process`.
  template <class F>
  status try_post(F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::try_post_to(*core_, where, std::forward<F>(f));
  }

  /// Runs `f` on the loop. Its result, or what it throws, comes through the eventual. If `f`
  /// returns a deferred<T>, task<T> or eventual<T>, that is an eventual<T>, ready when it ends.
  ///
  /// Blocks   with a capacity only, for room: see options::patience.
  /// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
  ///          capacity, `bridge_full` and `would_deadlock`. `f` does not run then.
  template <class F>
  eventual<call_result_t<F>> submit(F&& f,
                                    std::source_location where = std::source_location::current()) {
    return detail::submit_to(core(), {}, where, std::forward<F>(f));
  }

  /// submit() for code that must neither throw nor wait. A full bridge refuses at once. Moving the
  /// callable must not throw.
  ///
  /// Returns  a status as of try_post(), and the eventual where the call was accepted.
  template <class F>
  submission<call_result_t<F>> try_submit(
      F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return {status::bridge_stopped, where};
    return detail::try_submit_to(*core_, where, std::forward<F>(f));
  }

  /// Runs `f` on the loop, waits, and returns its result or throws what it threw. The whole call
  /// lives on the caller's stack: no allocation.
  ///
  /// Blocks   until the call has ended; with a capacity, for room too.
  /// Throws   before anything is submitted, `would_deadlock` on the loop thread and where loops
  ///          would wait for each other in a cycle; `bridge_stopped`, `wrong_process`, what moving
  ///          `f` throws; with a capacity, `bridge_full`. Later, what the call ends with.
  template <class F>
  call_result_t<F> call(F&& f, std::source_location where = std::source_location::current()) {
    return detail::call_on(core(), where, std::forward<F>(f));
  }

  /// call() with a deadline. When the time is up, it cancels (see eventual::cancel) and throws
  /// `timed_out`. Takes one block of memory, recycled, since the call may outlast its caller.
  ///
  /// A callable that runs when the time is up goes on running on the loop, and is destroyed there:
  /// capture what it uses by value. Its late result is dropped, a late failure reported. A callable
  /// that is still queued then is destroyed by the calling thread.
  ///
  /// Blocks   until the call has ended or the time is up, the wait for room included.
  /// Throws   `timed_out`, `would_deadlock` (as call()), `bridge_stopped`, `wrong_process`,
  ///          std::bad_alloc, what moving `f` throws; with a capacity, `bridge_full`. Later, what
  ///          the call ends with.
  template <class Rep, class Period, class F>
  call_result_t<F> call_for(std::chrono::duration<Rep, Period> timeout, F&& f,
                            std::source_location where = std::source_location::current()) {
    return detail::call_on_until(core(),
                                 detail::submit_options::within(detail::in_nanoseconds(timeout)),
                                 where, std::forward<F>(f));
  }

  /// For handlers and finalizers: runs `f(value)` or `f(loop_ref, value)` on the loop. Callable and
  /// value are copied as bytes into a slot of a fixed pool: trivially copyable, together at most
  /// detail::reentrant_post::capacity bytes. Takes no lock and no memory; errno is kept. For a
  /// call that cannot be refused for want of a slot see reentrant_call.
  ///
  /// Returns  `accepted`, `bridge_stopped`, `exhausted` (all slots are queued:
  ///          options::reentrant_slots) or `wrong_process`.
  template <class F, class Value>
  status post_reentrant(F f, Value value,
                        std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::post_reentrant_to(*core_, where, f, value);
  }
  template <class F>
  status post_reentrant(F f,
                        std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::post_reentrant_to(*core_, where, f);
  }

  /// Ends the bridge. New work is refused from now on. What is queued runs or is refused
  /// (options::on_stop). Calls that wait for a deferred end in `bridge_stopped`, and their cancel
  /// hooks run on the loop. Our handles are closed; the program's are reported and closed
  /// (options::on_open_handle). Requests still at work in libuv are waited for. Work submitted by
  /// destructors of queued callables is refused; to include it, make an empty call() before stop().
  ///
  /// Thread   any ordinary thread; it may be called again, and by several threads.
  /// Blocks   until the loop's thread has ended. On the loop thread it returns at once, and the
  ///          rest happens when the current callback has returned.
  /// Throws   `would_deadlock` on the thread of a loop that this loop waits for; `wrong_process`.
  ///
  /// Adopted: on the loop's thread it ends everything before it returns; inside a call that the
  /// bridge runs, after that call. Another thread cannot know whether the loop will turn again.
  /// There it refuses what is queued and ends all waiters at once, whatever on_stop says; hooks and
  /// closing wait for the loop's next turn.
  ///
  /// A program that closes all handles of the loop, ours among them (uv_walk() and uv_close(), with
  /// a callback of its own or none), has thereby stopped the bridge: when its callable is over, or
  /// when the loop has nothing left. Adopted, outside callables: when the bridge next comes to do
  /// something on the loop's thread, at the latest in this function or the destructor there. Until
  /// then nobody is released; what is queued is refused then, as the loop may be gone. (With
  /// doorbell::uv_async no thread may submit meanwhile.)
  void stop();

  /// Runs `f` when the bridge stops, on the loop's thread, with a `loop_ref` if it takes one. What
  /// `f` throws goes to the hook, and the others run. Not counted by options::capacity.
  ///
  /// Thread   any ordinary thread, the loop's too.
  /// Throws   `bridge_stopped` once the stop has come that far; `wrong_process`, std::bad_alloc,
  ///          what moving `f` throws.
  /// Order    after queued calls have run or been refused and all waiters are released, and before
  ///          handles are closed, so that `f` may close its own. The last registered runs first.
  /// After the end   not run, and reported, where another thread stops an adopted loop that never
  ///          turns again.
  template <class F>
  void at_stop(F&& f, std::source_location where = std::source_location::current()) {
    detail::at_stop_of(core(), where, std::forward<F>(f));
  }

  /// The part of stop() that a handler may do: refuses new work from now on, and has the loop end
  /// the rest by itself. Never blocks; anywhere, at any instruction; errno is kept.
  void stop_reentrant() noexcept;

  /// The bridge's counters: include stats.hpp. Any thread, also when the bridge has stopped; a
  /// handler too, but not of an empty bridge (`no_state`). In a child, those of the fork.
  statistics stats() const;

  /// Has the bridge been stopped, or does it stop now or when it is idle? Any thread, any handler.
  bool stop_requested() const noexcept;
  /// Is the caller on the loop's thread? Any thread, any handler.
  bool on_loop_thread() const noexcept;
  /// The bridge in whose callable or task the caller is: include bridge_ref.hpp, which says more.
  static bridge_ref current() noexcept;

  // Wrong uses, with an error that names the fix: arguments behind the callable, bare numbers.
  template <class F, class... More>
  void post(F&&, detail::no_argument, More&&...) {}
  template <class F, class... More>
  void submit(F&&, detail::no_argument, More&&...) {}
  template <class F, class... More>
  void call(F&&, detail::no_argument, More&&...) {}
  template <class Rep, class Period, class F, class... More>
  void call_for(std::chrono::duration<Rep, Period>, F&&, detail::no_argument, More&&...) {}
  template <class... More>
  void call_for(detail::no_duration, More&&...) {}

 private:
  friend struct detail::bridge_access;
  explicit bridge(detail::core_ptr core) noexcept : core_(std::move(core)) {}

  detail::loop_core& core() const {
    if (!core_) detail::throw_no_state("this bridge is empty: it was moved from");
    return *core_;
  }

  detail::core_ptr core_;
};

/// For what is built on bridges.
struct detail::bridge_access {
  static loop_core& core(const bridge& b) { return b.core(); }
  static loop_core& core(const bridge_ref& b);  // with bridge_ref.hpp
};

}  // namespace loopbridge
