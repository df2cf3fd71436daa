#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/detail/uv/timer_wait.hpp"

namespace loopbridge {
namespace detail {

/// The callable of submit_after().
template <class Bound>
struct delayed_call {
  Bound bound;
  deadline due;

  task<answer_t<Bound>> operator()(loop_ref loop) {
    co_await timer_wait(time_until(due));
    if constexpr (is_later<typename Bound::result_type>) {
      co_return co_await bound(loop);
    } else {
      co_return bound(loop);
    }
  }
};

/// What the handle of a repeated call and the loop share. Default orders: `stopped` is set once, by
/// the handle; `runs` counted by the loop.
struct repetition {
  std::atomic<bool> stopped{false};
  std::atomic<std::uint64_t> runs{0};
};

/// The callable of submit_every().
template <class F>
struct repeating_call {
  F f;
  deadline::duration period;
  std::shared_ptr<repetition> shared;
  loop_core& core;
  std::source_location where;

  task<> operator()(loop_ref loop) {
    deadline::duration wait = period;
    while (!shared->stopped.load()) {
      const deadline began = std::chrono::steady_clock::now();
      co_await timer_wait(wait);
      if (shared->stopped.load()) co_return;
      shared->runs.fetch_add(1);
      try {
        co_await run(loop);
      } catch (...) {
        // Stopped, and its deferred or task ended by that: no news. All else is.
        auto error = std::current_exception();
        if (!shared->stopped.load() || !is_cancellation_or_stop(error)) {
          core.unhandled(std::move(error), where);
        }
      }
      // Late by this much, since the run was due: so much less to the next one that is to come.
      const auto late = std::chrono::steady_clock::now() - began - wait;
      wait = period - (late > late.zero() ? late % period : late.zero());
    }
  }

  task<> run(loop_ref loop) {
    using bound = bound_call<std::reference_wrapper<F>>;  // by reference: it is called again
    bound once(std::ref(f));
    if constexpr (is_later<typename bound::result_type>) {
      co_await once(loop);
    } else {
      once(loop);
    }
    co_return;
  }
};

struct repeated_call_access;

}  // namespace detail

/// What submit_every() gives. Stops the repetition when it is destroyed. Move-only.
///
/// Thread   any ordinary thread, the loop's too, one at a time.
/// After the end   its functions may be called still. The bridge's end ends the repetition, and
///          reports nothing.
class [[nodiscard("destroying it stops the repetition: keep it, or detach() it")]] repeated_call {
 public:
  repeated_call() noexcept = default;
  repeated_call(repeated_call&& other) noexcept = default;
  repeated_call& operator=(repeated_call&& other) noexcept {
    repeated_call taken(std::move(other));
    taken.swap(*this);
    return *this;
  }
  ~repeated_call() { stop(); }

  /// Stops the repetition. No run begins any more once this has returned; one may be running just
  /// now. If that run waits for a deferred or a task, that is cancelled. Never blocks. The callable
  /// is destroyed on the loop, soon after, or here if the loop has not taken the call yet.
  void stop() noexcept {
    if (shared_ == nullptr) return;
    shared_->stopped.store(true);
    if (task_) task_.cancel();
  }
  /// Lets the repetition go on without this handle, as long as the bridge lives.
  void detach() noexcept {
    repeated_call released(std::move(*this));
    released.shared_.reset();
  }

  /// How many runs have begun.
  std::uint64_t runs() const noexcept { return shared_ != nullptr ? shared_->runs.load() : 0; }

 private:
  friend struct detail::repeated_call_access;

  repeated_call(std::shared_ptr<detail::repetition> shared, eventual<void>&& t)
      : shared_(std::move(shared)), task_(std::move(t)) {
    detail::eventual_access::state(task_).mark_read();  // how it ends is nobody's failure
  }
  void swap(repeated_call& other) noexcept {
    shared_.swap(other.shared_);
    std::swap(task_, other.task_);
  }

  std::shared_ptr<detail::repetition> shared_;  ///< null: empty
  eventual<void> task_;
};

struct detail::repeated_call_access {
  static repeated_call make(std::shared_ptr<repetition> shared, eventual<void>&& t) {
    return repeated_call(std::move(shared), std::move(t));
  }
};

/// Runs `f` on the loop of `b` when `delay` has passed since this call, or as soon after that as
/// the loop can. Its result, or what it throws, comes through the eventual.
///
/// The delay is in whole milliseconds of libuv's clock, rounded up (by a finer clock it may be a
/// part of one early). A delay of zero or less runs `f` in a later turn of the loop. Cancelling the
/// eventual stops the timer. The callable is then destroyed on the loop, or by the thread that
/// cancels if the loop has not taken the call yet.
///
/// Thread   any ordinary thread, the loop's too.
/// Blocks   with a capacity only, for room: see options::patience.
/// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
///          capacity, `bridge_full` and `would_deadlock`.
/// After the end   the wait ends at once in `bridge_stopped`, whatever options::on_stop says.
template <class Rep, class Period, class F>
eventual<call_result_t<F>> submit_after(
    bridge& b, std::chrono::duration<Rep, Period> delay, F&& f,
    std::source_location where = std::source_location::current()) {
  using bound = detail::bound_call_of<F>;
  return detail::submit_to(
      detail::bridge_access::core(b), {}, where,
      detail::delayed_call<bound>{bound(std::forward<F>(f)), detail::deadline_after(delay)});
}

/// Runs `f` on the loop of `b` again and again, the first time when `period` has passed since the
/// loop took this call. It ends when the repeated_call is stopped or destroyed, or the bridge ends.
///
/// Runs are due a period apart, and do not drift: a late run does not make the next one late. Where
/// the loop was held up for more than a period, the missed runs are left out, and the beat is kept.
/// If `f` returns a deferred or a task, no other run begins before that has ended. What a run
/// throws goes to options::on_unhandled_error, and the repetition goes on.
///
/// One `f` is kept for all runs. So it alone among callables is called as an lvalue, and finds next
/// time what it keeps in itself. It is destroyed on the loop, once no run is to come.
///
/// Thread   any ordinary thread, the loop's too.
/// Blocks   with a capacity only, for room: see options::patience.
/// Throws   std::invalid_argument for a period of zero or less; `bridge_stopped`, `wrong_process`,
///          std::bad_alloc, what moving `f` throws; with a capacity, `bridge_full` and
///          `would_deadlock`.
template <class Rep, class Period, class F>
repeated_call submit_every(bridge& b, std::chrono::duration<Rep, Period> period, F&& f,
                           std::source_location where = std::source_location::current()) {
  const detail::deadline::duration every = detail::in_nanoseconds(period);
  if (every == every.zero()) {
    throw std::invalid_argument(
        "loopbridge: submit_every() needs a period of more than nothing; to run as often as the "
        "loop turns, post() again from the call");
  }
  detail::loop_core& core = detail::bridge_access::core(b);
  auto shared = std::make_shared<detail::repetition>();
  using repeating = detail::repeating_call<std::decay_t<F>>;
  auto t =
      detail::submit_to(core, {}, where, repeating{std::forward<F>(f), every, shared, core, where});
  return detail::repeated_call_access::make(std::move(shared), std::move(t));
}

// Wrong uses, with an error that names the fix: times without a unit.
template <class... More>
void submit_after(bridge&, detail::no_duration, More&&...) {}
template <class... More>
void submit_every(bridge&, detail::no_duration, More&&...) {}

}  // namespace loopbridge
