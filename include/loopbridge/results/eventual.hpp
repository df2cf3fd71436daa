#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/interrupt_source.hpp"

namespace loopbridge {

class bridge;
namespace detail {
struct eventual_access;
}

/// The result of a submitted call, which comes later (Crochet's EventualResult).
///
/// Move-only. Any number of threads may wait on one eventual at once, and each look gives the same
/// answer; like any object it must not be moved or destroyed meanwhile. It stays good after its
/// bridge has stopped or is gone: every accepted call ends with an answer, `bridge_stopped` at
/// least. Dropping it never blocks and cancels nothing; if the call then fails, or has failed and
/// nobody looked, options::on_unhandled_error hears of it. get() and error() are looks, also those
/// of others at the same result; waiting and asking whether it is ready are not.
///
/// The result is destroyed by the thread that drops the eventual; if that went first, by the one
/// that ends the call, which is the loop's or a completer's. (get() on an rvalue moves it out, and
/// what is left is destroyed there.)
///
/// All members may be called from any ordinary thread; not from a signal handler. Those that block
/// throw `would_deadlock` on the loop's own thread, and where a loop would wait for itself through
/// others, unless the result is there already; `wrong_process` in a forked child.
///
/// Memory ordering: what the loop did before the call completed is visible once a wait or ready()
/// has reported it.
template <class T>
class [[nodiscard(
    "an unread failure goes to the unhandled-error hook; use post() for no result")]] eventual {
 public:
  /// What get() gives: `const T&`; for a reference that reference, for void nothing.
  using view = typename detail::outcome<T>::view;

  eventual() noexcept = default;

  /// Does it hold a call? False when default-constructed, moved from, or taken from by get() &&.
  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// Waits, then returns the value or throws what the call ended with; again at each call. The
  /// reference is good as long as the eventual.
  view get() const& {
    state().wait(detail::no_deadline);
    return state().look();
  }

  /// Waits and takes the value out, as in `bridge.submit(f).get()`. The eventual is empty then.
  T get() && { return std::move(*this).take_within(detail::for_ever); }

  /// As get(), but throws `timed_out` once `timeout` has passed. That cancels nothing: the call
  /// goes on, and get_for may be called again. (bridge::call_for is the one that cancels.)
  template <class Rep, class Period>
  view get_for(std::chrono::duration<Rep, Period> timeout) const& {
    state().wait_within(detail::in_nanoseconds(timeout));
    return state().look();
  }
  template <class Rep, class Period>
  T get_for(std::chrono::duration<Rep, Period> timeout) && {
    return std::move(*this).take_within(detail::in_nanoseconds(timeout));
  }

  /// The same, but an interruption, or a std::stop_token, ends the wait early: throws
  /// `interrupted`, at once if it is tripped already. That cancels nothing, as with a timeout. A
  /// result that is there is given all the same.
  view get(const interrupt_token& stop) const& {
    state().wait_within(detail::for_ever, &stop.by());
    return state().look();
  }
  T get(const interrupt_token& stop) && {
    return std::move(*this).take_within(detail::for_ever, &stop.by());
  }
  template <class Rep, class Period>
  view get_for(std::chrono::duration<Rep, Period> timeout, const interrupt_token& stop) const& {
    state().wait_within(detail::in_nanoseconds(timeout), &stop.by());
    return state().look();
  }
  template <class Rep, class Period>
  T get_for(std::chrono::duration<Rep, Period> timeout, const interrupt_token& stop) && {
    return std::move(*this).take_within(detail::in_nanoseconds(timeout), &stop.by());
  }

  /// Waits without looking: a failure that only this has waited for is still reported. wait_for:
  /// false when the time was up first.
  void wait() const { state().wait(detail::no_deadline); }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> timeout) const {
    return state().wait(detail::deadline_after(timeout));
  }

  /// Is the result there? Never blocks.
  bool ready() const { return state().is_ready(); }

  /// What the call failed with; null while there is no result, and if it is a value. Never blocks.
  /// Once the result is there, this counts as having looked: a failure is then not reported.
  std::exception_ptr error() const { return state().is_ready() ? state().error() : nullptr; }

  /// Asks that the call end as `cancelled`. Never blocks; constant time, and safe under a lock of
  /// the program's: all that runs here is the destructor of a callable that was still queued.
  ///
  /// True: it has ended so, just now, and get() throws `cancelled` from here. If it was still
  /// queued, it will not run, and its callable was destroyed here, by the caller's thread; if it
  /// was waiting for a deferred, the deferred's on_cancel hook runs on the loop, after what runs
  /// there now. What then(), when_all() or when_any() gave cancels all its parts, in whatever state
  /// it is itself: here, if it was queued, in a step for each part; else on the loop. False: it is
  /// done already, or its callable runs at this moment. A function that runs cannot be interrupted;
  /// but if it returns a deferred or a task, that is cancelled at once.
  ///
  /// By a std::stop_token: `const std::stop_callback on(token, [&] { e.cancel(); });`
  bool cancel() const { return state().cancel(); }

  /// Has `f` called with the value, when that is there, on the loop of the call itself, and gives
  /// an eventual for what f returns. A failure passes f by and ends the new eventual; an `f` that
  /// takes an `eventual<T>` gets that in either case, ready. Where f returns a deferred, a task or
  /// an eventual, what that ends with is the result. This eventual is empty then; cancelling the
  /// new one cancels both. `f` is destroyed on that loop before the new one is ready; if
  /// that is cancelled while it waits, or its bridge stops, also there, but perhaps after; of a
  /// call that was cancelled before it began, by the thread that cancels. Throws like
  /// bridge::submit(), also if the result is there already; this eventual is as it was then, with
  /// its result.
  template <class F>
  auto then(F&& f, std::source_location where = std::source_location::current()) &&;
  /// The same on `executor`: anything that has post(callable), which must outlive the call; or a
  /// bridge, which need not. If post() throws, the new eventual ends so (`bridge_stopped`, say); if
  /// it loses the callable, as `broken`. `f` is destroyed there, before the new eventual is ready;
  /// if it was lost, by the thread that loses it.
  template <class Executor, class F>
    requires(!detail::is_location<F>)
  auto then(Executor& executor, F&& f,
            std::source_location where = std::source_location::current()) &&;

  // Wrong, and says so.
  template <class... Any>
  auto then(Any&&...) const& {
    return detail::must_be_moved<T>();
  }
  template <class... More>
  void get_for(detail::no_duration, More&&...) const {}
  bool wait_for(detail::no_duration) const { return false; }

 private:
  friend struct detail::eventual_access;

  struct drop {
    void operator()(detail::result<T>* state) const noexcept { state->drop_handle(); }
  };

  explicit eventual(detail::result<T>& state) noexcept : state_(&state) {}

  detail::result<T>& state() const {
    if (state_ == nullptr) {
      detail::throw_no_state(
          "this eventual is empty: it was moved from, or its result was taken by get() on an "
          "rvalue; keep it in a variable and call get() on that to look more than once");
    }
    return *state_;
  }

  T take_within(std::chrono::nanoseconds timeout, const detail::interrupt_flag* by = nullptr) && {
    state().wait_within(timeout, by);
    const eventual taken = std::move(*this);
    return taken.state_->take();
  }

  std::unique_ptr<detail::result<T>, drop> state_;
};

namespace detail {
/// For what is built on results: tasks, continuations.
struct eventual_access {
  template <class T>
  static result<T>& state(const eventual<T>& e) {
    return e.state();
  }
  template <class T>
  static eventual<T> make(result<T>& state) noexcept {
    return eventual<T>(state);
  }
  /// The caller has the handle's part from here.
  template <class T>
  static result<T>* release(eventual<T>& e) noexcept {
    return e.state_.release();
  }
};
}  // namespace detail

}  // namespace loopbridge
