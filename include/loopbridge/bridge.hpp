#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/handlers/reentrant_post.hpp"
#include "loopbridge/detail/loop/submit.hpp"
#include "loopbridge/options.hpp"
#include "loopbridge/results/eventual.hpp"
#include "loopbridge/stats.hpp"
#include "loopbridge/submission.hpp"

struct uv_loop_s;

namespace loopbridge {

namespace detail {
struct bridge_access;
}

/// What a call of an `F` gives: what that returns, or, of a deferred<T> or a task<T>, the T.
template <class F>
using call_result_t = detail::answer_t<detail::bound_call_of<F>>;

/// A libuv loop in a background thread, and the way to it from everywhere else.
///
/// Calls run on the loop thread, one after the other, in the order in which they were submitted:
/// one order for all threads. A callable is anything that can be called with nothing, or that
/// takes a `loop_ref` (or a uv_loop_t*), which it then gets; what else it needs it captures. It may
/// be move-only; it is moved into the call, invoked once, as an rvalue, and destroyed on the loop
/// thread before the result is announced. (Of a call that never ran: a cancelled one by the thread
/// that cancels, a refused one by the thread that submits, one that is queued when the bridge stops
/// by the thread that ends it, which is the loop's unless the loop is adopted.) For functions with
/// arguments see wrap().
///
/// Which function may be called where:
///
///   post, try_post, submit,
///   try_submit                        any ordinary thread, the loop's too
///   call, call_for, stop              any ordinary thread but the loop's (stop: there too)
///   post_reentrant, stop_reentrant    anywhere: handlers and finalizers, at any instruction, also
///                                     inside another of these calls
///
/// Durations, here and wherever the library takes one, may be of any unit and type. One that is not
/// more than nothing (zero, negatives, NaN) is no time at all; one that is longer than the clock
/// can tell (292 years: max(), infinity) is for ever; all others are rounded up to a nanosecond.
///
/// "Ordinary" means outside signal handlers. A bridge must outlive every call of its functions;
/// the handles that it gives out (eventual, completer, reentrant_call) need not care.
///
/// Destructors and finalizers are ordinary code where they are called like functions, as all of
/// C++'s are, at a thread's end, at exit and in unwinding too, and those of Boehm's collector, Lua
/// and CPython. They may call what their thread may, also in the middle of malloc or of a call of
/// these functions. Two things bind them. A wait must not hold what the loop needs for the answer:
/// a lock that an allocator holds while it finalizes, CPython's GIL. And a finalizer may find
/// itself on the loop thread, because something there allocated: submitting works there, waiting
/// throws `would_deadlock` (a reentrant_call's says so in its status). Where neither is known, or
/// no memory may be asked for, use a reentrant_call.
///
/// All of it works while the dynamic linker holds its lock: in static objects of a library that is
/// loaded by dlopen(), or destroyed by dlclose(), and in threads that these wait for. A library
/// with calls whose code is its own on somebody else's bridge may be unloaded as soon as it has
/// their answers: no code of a call's runs on the loop after that. (Not so after a timeout or a
/// cancel, when the call may still run or be in the list; while an exception that it threw is
/// alive; of a post, before a later call has returned; nor where a callback of its own resolved a
/// completer, which must return first.) Its own bridges end in their destructors. This library
/// itself is never unloaded; if it is linked statically into one that is, that must have ended its
/// bridges, on other threads than their loops', and uses no default_bridge().
///
/// After stop() every function refuses: with `bridge_stopped` or status::bridge_stopped. In a
/// forked child all refuse with `wrong_process`, and nothing of the parent's is touched.
class bridge {
 public:
  /// Starts the loop in a new thread; returns when it runs. Throws std::system_error if it can't
  /// (no descriptors, no thread, a failing uv call: with libuv's code and text), what
  /// options::on_thread_start throws, or std::bad_alloc; nothing is left behind then.
  explicit bridge(options opts = {});

  /// Bridges to a loop that the application runs itself, on the calling thread or a later one.
  ///
  /// Call it where the loop's handles may be touched: on its thread, or before it runs. Until the
  /// loop's first turn shows which thread runs it, the calling thread counts as that thread, and a
  /// blocking call there throws `would_deadlock` rather than wait for a loop nobody runs. Calls run
  /// while the loop runs. Our handles do not keep it alive, except while accepted calls wait to
  /// run; those accepted before its first turn run from that on. On the loop's thread a call keeps
  /// it alive wherever it is accepted, in a callback that is the last thing uv_run does too. A call
  /// of another thread's, or of a handler's, that is accepted after the loop's last check phase
  /// waits if nothing else is alive by then, as uv_run has returned or will: until the loop turns
  /// again, or the bridge stops. (A thread that has run the loop, and lets another one run it,
  /// submits again when it has turned there.) Throws like the constructor, and
  /// std::invalid_argument for a null loop or options that need a thread of ours.
  ///
  /// When uv_run has returned for good, stop or destroy the bridge on the loop's thread: that ends
  /// every waiter. Then run the loop once more (UV_RUN_NOWAIT) before uv_loop_close, as after any
  /// uv_close, so that our handles' close callbacks run.
  static bridge adopt(uv_loop_s* loop, options opts = {});

  /// stop(); on the loop's own thread it does not join, and the loop ends by itself.
  ~bridge();
  bridge(bridge&&) noexcept = default;
  bridge& operator=(bridge&& other) noexcept;

  /// Runs `f` on the loop; nobody waits. What it throws goes to options::on_unhandled_error, with
  /// the place of this call. One block of memory, recycled. Throws `bridge_stopped`,
  /// `wrong_process`, std::bad_alloc, or what moving `f` throws; with a capacity, `bridge_full` and
  /// `would_deadlock` too, and it may wait for room: see options::patience. It runs nothing then.
  template <class F>
  void post(F&& f, std::source_location where = std::source_location::current()) {
    detail::post_to(core(), where, std::forward<F>(f));
  }

  /// post for code that must neither throw nor wait (destructors, C callbacks): `accepted`,
  /// `stopped`, `full`, `exhausted` (no memory) or `wrong_process`. A full bridge refuses it at
  /// once, whatever options::patience is. Moving the callable must not throw.
  template <class F>
  status try_post(F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::try_post_to(*core_, where, std::forward<F>(f));
  }

  /// Runs `f` on the loop; its result, or what it throws, comes through the eventual. If `f`
  /// returns a deferred<T>, that is an eventual<T>, ready when the deferred is resolved. Throws
  /// like post.
  template <class F>
  eventual<call_result_t<F>> submit(F&& f,
                                    std::source_location where = std::source_location::current()) {
    return detail::submit_to(core(), {}, where, std::forward<F>(f));
  }

  /// submit for code that must neither throw nor wait: a status as of try_post, and the eventual
  /// where the call was accepted.
  template <class F>
  submission<call_result_t<F>> try_submit(
      F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return {status::bridge_stopped, where};
    return detail::try_submit_to(*core_, where, std::forward<F>(f));
  }

  /// Runs `f` on the loop, waits, and returns its result or throws what it threw. The whole call
  /// lives on the caller's stack: no allocation. Throws `would_deadlock` on the loop thread, and
  /// where loops would wait for each other in a cycle, before anything is submitted; else like
  /// post.
  template <class F>
  call_result_t<F> call(F&& f, std::source_location where = std::source_location::current()) {
    return detail::call_on(core(), where, std::forward<F>(f));
  }

  /// call with a deadline, and, unlike call, in a block of memory, as it may go on without its
  /// caller; one block, recycled. When the time is up, cancels (see eventual::cancel) and throws
  /// `timed_out`. A callable that runs at that moment goes on running, on the loop, after this has
  /// returned: capture what it uses by value. Its late result is dropped, a late failure reported.
  template <class Rep, class Period, class F>
  call_result_t<F> call_for(std::chrono::duration<Rep, Period> timeout, F&& f,
                            std::source_location where = std::source_location::current()) {
    return detail::call_on_until(core(),
                                 detail::submit_options::within(detail::in_nanoseconds(timeout)),
                                 where, std::forward<F>(f));
  }

  /// From handlers and finalizers: runs `f(value)` or `f(loop_ref, value)` on the loop. Callable
  /// and value are copied as bytes into a slot of a fixed pool: trivially copyable, together at
  /// most detail::reentrant_post::capacity bytes. `accepted`, `stopped`, `exhausted` (all slots
  /// are queued: options::reentrant_slots) or `wrong_process`. No lock, no allocation; errno is
  /// kept. For a call that cannot be refused for want of a slot see reentrant_call.
  template <class F, class Value>
  status post_reentrant(F f, Value value,
                        std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::post_closure(*core_, where, detail::reentrant_closure<F, Value>{f, value});
  }
  template <class F>
  status post_reentrant(F f,
                        std::source_location where = std::source_location::current()) noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::post_closure(*core_, where, detail::reentrant_closure<F>{f});
  }

  /// Ends the bridge. From when it is called new work is refused; what is queued runs or is refused
  /// (options::on_stop); calls that wait for a deferred end in `bridge_stopped`, and their cancel
  /// hooks run on the loop; our handles are closed, and the program's reported and closed
  /// (options::on_open_handle); requests still at work in libuv are waited for. What the
  /// destructors of queued callables submit comes too late; to have it in, make an empty call()
  /// before stop().
  ///
  /// Returns when the loop's thread has ended. On the loop thread it returns at once, and the rest
  /// happens when the current callback has returned. May be called again, and by several threads.
  /// Throws `would_deadlock` where the loop that calls is one that this loop waits for.
  ///
  /// Adopted: on the loop's thread it ends everything before it returns, except inside a call that
  /// the bridge runs, where that follows the call. On another thread, which cannot know
  /// whether the loop will turn again, it refuses what is queued and ends all waiters at once,
  /// whatever on_stop says; hooks and closing wait for the loop's next turn.
  ///
  /// A program that closes all handles of the loop, ours among them (uv_walk() and uv_close(), with
  /// a callback of its own or none), has thereby stopped the bridge: that happens when its callable
  /// is over, or when the loop has nothing left. Adopted, outside callables: when the bridge next
  /// comes to do something on the loop's thread, at the latest in this function or the destructor
  /// there; until then nobody is released, and what is queued is refused then, as the loop may be
  /// gone. (With doorbell::uv_async nobody may submit meanwhile.)
  void stop();

  /// Has `f` run at the stop, on the loop's thread, with a `loop_ref` if it takes one: after calls
  /// that were queued have run or been refused and all waiters are released, and before handles are
  /// closed, so that it may close its own. The function that was registered last runs first. What
  /// one throws goes to options::on_unhandled_error, and the others run. For an adopted loop that
  /// never turns again after a stop elsewhere they do not run, which is reported there.
  ///
  /// Any ordinary thread, the loop's too, before the stop has come so far; then it throws
  /// `bridge_stopped`. Throws like post(), but for what concerns a capacity.
  template <class F>
  void at_stop(F&& f, std::source_location where = std::source_location::current()) {
    detail::at_stop_of(core(), where, std::forward<F>(f));
  }

  /// The part of stop() that a handler may do: refuse new work from now on, and have the loop end
  /// the rest by itself. Never blocks; anywhere, at any instruction; errno is kept.
  void stop_reentrant() noexcept;

  /// What it has done and is doing. Any thread, also when it has stopped; a handler too, of a
  /// bridge that is not empty (else it throws `no_state`). In a child, the counts as they were at
  /// the fork.
  statistics stats() const;

  /// Has it been stopped, or is it stopping? Any thread, any handler.
  bool stop_requested() const noexcept;

  /// Is the caller on the loop's thread? Any thread, any handler.
  bool on_loop_thread() const noexcept;

  // What is wrong, and says so: arguments behind the callable, times without a unit.
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
};

}  // namespace loopbridge
