#pragma once

#include <exception>
#include <memory>
#include <memory_resource>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/call.hpp"

namespace loopbridge {

template <class T>
class completer;

namespace detail {
struct deferred_access;
}  // namespace detail

/// A result that comes later on the loop: what a callable returns when it has only begun the work.
/// Others call a deferred and its completer a promise and its resolver.
///
///   loopbridge::deferred<int> begin(loopbridge::loop_ref loop) {
///     loopbridge::completer<int> done;
///     auto answer = done.get_deferred();
///     start_something(loop, callback, done.release());   // C code carries the void*
///     return answer;
///   }
///   // in the callback: loopbridge::completer<int>::from(data).resolve(42);
///
/// The call ends when the completer resolves, rejects or is dropped; its waiter sees an ordinary T
/// or exception. Returning an empty deferred ends the call as `broken`.
template <class T>
class [[nodiscard("return it from the callable: it is the call's answer")]] deferred {
 public:
  explicit operator bool() const noexcept { return bool(state_); }

 private:
  friend class completer<T>;
  friend class detail::result<T>;
  friend struct detail::deferred_access;

  explicit deferred(detail::deferred_ptr<T>&& state) noexcept : state_(std::move(state)) {}
  detail::deferred_ptr<T> release() noexcept { return std::move(state_); }

  detail::deferred_ptr<T> state_;
};

namespace detail {
struct deferred_access {
  /// The caller's hold of `state` goes to the deferred.
  template <class T>
  static deferred<T> make(deferred_state<T>& state) noexcept {
    return deferred<T>(deferred_ptr<T>::adopt(&state));
  }
  /// Null if it is empty.
  template <class T>
  static deferred_ptr<T> release(deferred<T>& d) noexcept {
    return d.release();
  }
};
}  // namespace detail

/// The other end of a deferred (elsewhere a resolver): resolves or rejects it, once.
///
/// Move-only. A completer that is dropped without resolving ends the call as `broken`, so no waiter
/// hangs because a callback was lost.
///
/// Thread   any ordinary thread. resolve(), resolve_with() and reject() release the waiter before
///          they return. The value is destroyed as the call's result: see eventual.
/// Throws   each function of an empty completer throws `no_state`, except guard(), release() and
///          the conversion to bool.
/// After the end   resolving too late (the call was cancelled, its call_for timed out, the bridge
///          stopped) is safe at any time, also after the bridge is gone. It is refused, and touches
///          nothing of the caller's.
template <class T>
class completer {
 public:
  /// Makes the pair. It knows no bridge yet, and so not options::memory: a program that needs that
  /// gives its resource here too. The cancel hook lives there, and the value until the call has it.
  /// Null: the library's own recycled blocks.
  ///
  /// Throws   std::bad_alloc.
  completer() : completer(static_cast<std::pmr::memory_resource*>(nullptr)) {}
  explicit completer(std::pmr::memory_resource* memory)
      : state_(detail::deferred_ptr<T>::adopt(detail::deferred_state<T>::make(memory))) {}

  completer(completer&&) noexcept = default;
  completer& operator=(completer&& other) noexcept {
    completer taken(std::move(other));
    std::swap(state_, taken.state_);
    std::swap(deferred_taken_, taken.deferred_taken_);
    return *this;
  }
  ~completer() {
    if (state_) state_->settle([](auto& o) { o.set(status::broken); });
  }

  /// The deferred to return from the callable. Once.
  ///
  /// Throws   `no_state` the second time, and after from().
  deferred<T> get_deferred() {
    detail::deferred_state<T>& s = state();
    if (std::exchange(deferred_taken_, true)) {
      detail::throw_no_state("get_deferred() was called before: a completer has one deferred");
    }
    return deferred<T>(detail::deferred_ptr<T>(s));
  }

  /// Ends the call with a T made from `args`; if making it throws, with that exception.
  ///
  /// Nothing is cast. A T that is no class takes what converts to it implicitly, or no argument for
  /// zero. A class takes what its constructors take, or its braces if it is an aggregate. A
  /// reference takes what it can be bound to as it is, and lasts. void takes nothing.
  ///
  /// Returns  true: this decided the result, and the waiter is released. False: it was decided
  ///          before (resolved, cancelled, timed out, stopped), and nothing was made of `args`.
  template <class... Args>
  bool resolve(Args&&... args) {
    static_assert(detail::can_make<T, Args&&...>,
                  "resolve() cannot make the deferred's T of these arguments without a cast: pass "
                  "a T, or what converts to it implicitly, or what its constructor takes");
    return state().settle([&](detail::outcome<T>& o) {
      o.capture([&]() -> T { return detail::make_value<T>(std::forward<Args>(args)...); });
    });
  }

  /// Runs `make` and ends the call with what it returns or throws.
  ///
  /// Returns  as resolve(). Where the result was decided before, `make` does not run.
  template <class F>
  bool resolve_with(F&& make) {
    static_assert(detail::makes<F, T>,
                  "resolve_with() takes a function that returns what converts to the deferred's T");
    return state().settle([&](detail::outcome<T>& o) { o.capture(std::forward<F>(make)); });
  }

  /// Ends the call with an exception. A null pointer to one, such as std::current_exception() is
  /// outside of a catch block, ends it as `broken`.
  ///
  /// Returns  as resolve().
  bool reject(std::exception_ptr error) {
    return state().settle([&](auto& o) { o.set(std::move(error)); });
  }
  template <class E>
    requires(!std::is_convertible_v<E, std::exception_ptr>)
  bool reject(E&& error) {
    return reject(std::make_exception_ptr(std::forward<E>(error)));
  }

  /// Runs `work` and rejects with what it throws: for C callbacks, which no exception may leave.
  template <class F>
  void guard(F&& work) noexcept {
    try {
      std::forward<F>(work)();
    } catch (...) {
      if (state_) reject(std::current_exception());
    }
  }

  /// Sets what runs when the result is not wanted any more: the call was cancelled, its call_for
  /// timed out, or the bridge stopped. `hook` runs at most once, and may close what the work uses.
  /// If the cancelling is past, it runs at once. What it throws goes to
  /// options::on_unhandled_error.
  ///
  /// Thread   the loop's, in the callable, say. `hook` runs and is destroyed there.
  /// Throws   std::bad_alloc, what moving `hook` throws.
  /// Order    the work's callback may come before the hook or after it. So what both touch needs an
  ///          owner that outlives both (a shared_ptr, say).
  template <class F>
  void on_cancel(F&& hook) {
    static_assert(std::is_invocable_v<std::decay_t<F>&>, "a cancel hook is called with nothing");
    state().on_cancel(std::forward<F>(hook));
  }

  /// Is the result not wanted any more? A hint for long work, from any thread.
  bool is_cancelled() const { return state().is_cancelled(); }

  /// Does this hold the right to resolve? False when moved from or released.
  explicit operator bool() const noexcept { return bool(state_); }

  /// For `void* data` of a C callback: gives the completer up to the pointer. Each pointer
  /// must go to from() exactly once.
  void* release() noexcept { return state_.release(); }
  /// Takes the completer back from a pointer that release() gave.
  static completer from(void* released) noexcept {
    return completer(
        detail::deferred_ptr<T>::adopt(static_cast<detail::deferred_state<T>*>(released)));
  }

 private:
  explicit completer(detail::deferred_ptr<T>&& state) noexcept
      : state_(std::move(state)), deferred_taken_(true) {}

  detail::deferred_state<T>& state() const {
    if (!state_) {
      detail::throw_no_state("this completer is empty: it was moved from or released");
    }
    return *state_;
  }

  detail::deferred_ptr<T> state_;
  bool deferred_taken_ = false;
};

}  // namespace loopbridge
