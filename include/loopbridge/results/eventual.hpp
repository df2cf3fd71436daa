#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/sync/deadline.hpp"

namespace loopbridge {

class bridge;
class interrupt_token;
namespace detail {
struct eventual_access;
}

/// The result of a submitted call: a future that can be cancelled (Crochet's EventualResult).
///
/// Move-only. Dropping it never blocks and cancels nothing.
///
/// Reading: get(), get_for() and error() read the result; wait(), wait_for() and ready() do not.
/// Each read gives the same answer. If the eventual was dropped, the call has failed, and no thread
/// has read that, options::on_unhandled_error hears of it.
///
/// The thread that drops the eventual destroys the result. If the eventual went first, the thread
/// that ends the call does so: the loop's or a completer's. (get() on an rvalue moves the result
/// out, and destroys what is left.)
///
/// Thread   any ordinary thread; not a signal handler. Any number of threads may wait on one
///          eventual, read it and cancel() at once. Like any object, it must not be moved or
///          destroyed meanwhile.
/// Throws   what blocks throws `would_deadlock` on the loop's own thread, and where a loop would
///          wait for itself through others, unless the result is there already; and `wrong_process`
///          in a forked child. What reads throws what the call ended with. All throw `no_state` if
///          the eventual is empty. Functions below list what they throw besides.
/// After the end   it stays good after its bridge has stopped or is gone. Every accepted call ends
///          with an answer, `bridge_stopped` at least.
/// Memory order   what the loop did before the call completed is visible once a wait or ready() has
///          reported it.
template <class T>
class [[nodiscard(
    "an unread failure goes to the unhandled-error hook; use post() for no result")]] eventual {
 public:
  /// What get() gives: `const T&`; for a reference that reference; for void nothing.
  using view = typename detail::outcome<T>::view;

  eventual() noexcept = default;

  /// Does this hold a call? False when default-constructed, moved from, or taken from by get() &&.
  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// Waits, then returns the value or throws what the call ended with; again at each call. The
  /// reference is good as long as the eventual.
  view get() const& {
    state().wait(detail::no_deadline);
    return state().look();
  }

  /// Waits and takes the value out, as in `bridge.submit(f).get()`. The eventual is empty then.
  T get() && { return std::move(*this).take_within(detail::for_ever); }

  /// get() with a deadline. When that has passed, the call goes on, and get_for() may be called
  /// again. (bridge::call_for() is the one that cancels.)
  ///
  /// Throws   `timed_out` once `timeout` has passed.
  template <class Rep, class Period>
  view get_for(std::chrono::duration<Rep, Period> timeout) const& {
    state().wait_within(detail::in_nanoseconds(timeout));
    return state().look();
  }
  template <class Rep, class Period>
  T get_for(std::chrono::duration<Rep, Period> timeout) && {
    return std::move(*this).take_within(detail::in_nanoseconds(timeout));
  }

  /// get() and get_for() that an interruption or a std::stop_token ends early: include
  /// results/interrupt_source.hpp. That cancels nothing, as with a timeout. If the result is there,
  /// they give it all the same.
  ///
  /// Throws   `interrupted`, at once if it is tripped already; get_for() also `timed_out`.
  view get(const interrupt_token& stop) const&;
  T get(const interrupt_token& stop) &&;
  template <class Rep, class Period>
  view get_for(std::chrono::duration<Rep, Period> timeout, const interrupt_token& stop) const&;
  template <class Rep, class Period>
  T get_for(std::chrono::duration<Rep, Period> timeout, const interrupt_token& stop) &&;

  /// Waits without reading: a failure that was only waited for is still reported. wait_for()
  /// returns false when the time was up first.
  void wait() const { state().wait(detail::no_deadline); }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> timeout) const {
    return state().wait(detail::deadline_after(timeout));
  }

  /// Is the result there? Never blocks.
  bool ready() const { return state().is_ready(); }

  /// What the call failed with; null while there is no result, and if that is a value. Never
  /// blocks. Once the result is there, this counts as reading: a failure is then not reported.
  std::exception_ptr error() const { return state().is_ready() ? state().error() : nullptr; }

  /// Asks that the call end as `cancelled`. By a std::stop_token:
  ///
  ///   const std::stop_callback on(token, [&] { e.cancel(); });
  ///
  /// True: the call has just ended so, and get() throws `cancelled` from here. A call that was
  /// still queued does not run. If the call waited for a deferred, the deferred's on_cancel hook
  /// runs on the loop, after what runs there now. What then(), when_all() or when_any() gave
  /// cancels all its parts, in whatever state it is itself: here, if it was queued, in a step for
  /// each part; else on the loop.
  ///
  /// False: the call is done already, or its callable runs at this moment. A function that runs
  /// cannot be interrupted; but if it returns a deferred or a task, that is cancelled at once.
  ///
  /// Thread   any ordinary thread. The callable of a call that was still queued is destroyed here.
  /// Blocks   never. It takes constant time, and is safe under a lock of the program's: that
  ///          destructor is all that runs here.
  bool cancel() const { return state().cancel(); }

  /// Calls `f(value)` on the call's own loop once the value is ready. Returns an eventual for f's
  /// result, or for what the deferred, task or eventual that f returns ends with. On failure `f` is
  /// skipped and the failure ends the new eventual; an `f` that takes an `eventual<T>` gets that in
  /// either case, ready. This eventual is empty then. Cancelling the new one cancels both.
  ///
  /// Thread   `f` is destroyed on that loop before the new eventual is ready. If the new one is
  ///          cancelled while it waits, or its bridge stops: also there, but perhaps after. If it
  ///          is cancelled while its call is queued: by the thread that cancels.
  /// Blocks   with a capacity only, for room: see options::patience.
  /// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
  ///          capacity, `bridge_full` and `would_deadlock`; also if the result is there already.
  ///          This eventual is as it was then, with its result.
  template <class F>
  auto then(F&& f, std::source_location where = std::source_location::current()) &&;
  /// then() with `f` called on `executor`: a bridge, or anything that has post(callable). A bridge
  /// need not outlive the call; anything else must. If post() throws, the new eventual ends so
  /// (`bridge_stopped`, say). If the executor loses the callable, it ends as `broken`.
  ///
  /// Thread   `f` is destroyed on the executor before the new eventual is ready. If the executor
  ///          loses it: by the thread that does. If the executor never gets it: as without an
  ///          executor.
  /// Blocks   with a capacity of the call's own bridge only, for room there.
  /// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with that
  ///          capacity, `bridge_full` and `would_deadlock`. This eventual is as it was then.
  template <class Executor, class F>
    requires(!detail::is_location<F>)
  auto then(Executor& executor, F&& f,
            std::source_location where = std::source_location::current()) &&;

  // Wrong uses, with an error that names the fix.
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

/// Waits for the call whose eventual a callable has returned, and answers by it. Held by the
/// deferred's holders, and, until it is notified, by that call.
class returned_eventual : public completion_callback,
                          public internal_operation,
                          public cancel_hook {
 public:
  void notify() noexcept final;
  void operator()() final { give_up(); }
  void destroy() noexcept final {}

 protected:
  returned_eventual(loop_core& core, deferred_base& answer) noexcept
      : core_(core), answer_(answer) {}
  ~returned_eventual() = default;

  void await(call_base& before) noexcept;
  void give_up() noexcept;
  /// The call is done: into the deferred's outcome with what it has.
  virtual void take_from(call_base& before) noexcept = 0;

 private:
  void go(loop_core& core) noexcept final;
  void end(loop_core& core) noexcept final;

  loop_core& core_;
  deferred_base& answer_;
  call_base* before_ = nullptr;  ///< its handle is ours; loop thread
};

template <class T>
class returned_eventual_of final : public deferred_state<T>, public returned_eventual {
 public:
  explicit returned_eventual_of(loop_core& core, eventual<T>&& before) noexcept
      : deferred_state<T>(core.memory(), in_block<returned_eventual_of>::block_of(this),
                          in_block<returned_eventual_of>::size,
                          [](deferred_base& d) noexcept {
                            static_cast<returned_eventual_of&>(d).give_up();
                            static_cast<returned_eventual_of&>(d).own_outcome().clear();
                          }),
        returned_eventual(core, static_cast<deferred_base&>(*this)) {
    this->set_cancel_hook(*this);
    this->await(*eventual_access::release(before));
  }

 private:
  void take_from(call_base& before) noexcept override {
    this->own_outcome().capture([&]() -> T { return static_cast<result<T>&>(before).take(); });
  }
};

template <class T>
deferred_ptr<T> await_eventual(loop_core& core, eventual<T>&& before, outcome<T>& out) {
  result<T>& call = eventual_access::state(before);  // throws if it is empty
  if (call.is_ready()) {
    out.capture([&]() -> T { return call.take(); });
    return {};
  }
  return deferred_ptr<T>::adopt(
      make_in_block<returned_eventual_of<T>>(core.memory(), core, std::move(before)));
}
}  // namespace detail

}  // namespace loopbridge
