#pragma once

#include <chrono>
#include <tuple>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/default_bridge.hpp"

// Functions that are made for the loop once, and then called like any other, from any thread:
//
//   const auto look_up = loopbridge::wrap_blocking(5s, look_up_on_loop);   // returns a deferred
//   std::string address = look_up("example.org");                         // waits, or throws
//
// The idea is Crochet's, whose decorators are @run_in_reactor and @wait_for.
namespace loopbridge {
namespace detail {

/// A function, the arguments that it gets first, and the bridge that it runs on.
template <class F, class... First>
class wrapped_function {
 public:
  template <class G, class... A>
  wrapped_function(bridge* to, place where, G&& f, A&&... first)
      : to_(to), where_(where), f_(std::forward<G>(f)), first_(std::forward<A>(first)...) {}

  /// The function as it was given, to be tested by itself, on any thread. Lives as long as this.
  const F& wrapped() const noexcept { return f_; }

 protected:
  template <class... Args>
  using answer = answer_t<bound_call_of<F, First..., Args...>>;

  template <class... Args>
  eventual<answer<Args...>> submit(Args&&... args) const {
    return std::apply(
        [&](const First&... first) {
          return to().do_submit({}, where_, f_, first..., std::forward<Args>(args)...);
        },
        first_);
  }
  template <class... Args>
  answer<Args...> call_until(deadline until, Args&&... args) const {
    return std::apply(
        [&](const First&... first) -> answer<Args...> {
          return to().do_call_until({{}, until}, where_, f_, first..., std::forward<Args>(args)...);
        },
        first_);
  }

 private:
  bridge& to() const { return to_ != nullptr ? *to_ : default_bridge(); }

  bridge* to_;  ///< null: the default bridge, as it is when called
  place where_;
  F f_;
  std::tuple<First...> first_;
};

/// For overloads: neither a bridge, which comes before the function, nor a place.
template <class F>
using unless_bridge = std::enable_if_t<!std::is_same_v<std::decay_t<F>, bridge>, int>;

}  // namespace detail

/// What wrap() makes. Calling it is bridge::submit() with a copy of the function, for which all
/// holds that is said there; several threads may call the same one at once. Copyable if the
/// function is.
template <class F, class... First>
class submitting : public detail::wrapped_function<F, First...> {
 public:
  using detail::wrapped_function<F, First...>::wrapped_function;

  template <class... Args>
  auto operator()(Args&&... args) const
      -> eventual<detail::answer_t<detail::bound_call_of<F, First..., Args...>>> {
    return this->submit(std::forward<Args>(args)...);
  }
};

/// What wrap_blocking() makes. Calling it is bridge::call_for() with a copy of the function: it
/// cancels the call when the time is up, and throws `timed_out`.
template <class Timeout, class F, class... First>
class blocking : public detail::wrapped_function<F, First...> {
 public:
  template <class... A>
  explicit blocking(Timeout timeout, A&&... a)
      : detail::wrapped_function<F, First...>(std::forward<A>(a)...), timeout_(timeout) {}

  template <class... Args>
  auto operator()(Args&&... args) const
      -> detail::answer_t<detail::bound_call_of<F, First..., Args...>> {
    return this->call_until(detail::deadline_after(timeout_), std::forward<Args>(args)...);
  }

 private:
  Timeout timeout_;
};

/// Makes `f` a function that runs on the loop. Calling the result takes f's own arguments (but the
/// `loop_ref`, which the bridge adds), submits, and returns an eventual for what f returns, or for
/// what the deferred<T> that it returns ends with. `first` are arguments that it is given ahead of
/// the others, as by std::bind_front: a member function's object, say.
///
/// It runs on `to`, which must outlive the calls, or on the default bridge, which is made when the
/// result is first called. `f` and `first` are copied for each call, and the copies destroyed, as
/// bridge::submit() says: what they share belongs to the loop's thread alone. Without `first`,
/// failures and the watchdog's reports name the place of wrap().
template <class F, detail::unless_bridge<F> = 0>
auto wrap(F&& f, place where = place::current()) {
  return submitting<std::decay_t<F>>(nullptr, where, std::forward<F>(f));
}
template <class F, class A, class... First, detail::unless_bridge<F> = 0,
          detail::unless_place<A> = 0>
auto wrap(F&& f, A&& a, First&&... first) {
  return submitting<std::decay_t<F>, std::decay_t<A>, std::decay_t<First>...>(
      nullptr, place{}, std::forward<F>(f), std::forward<A>(a), std::forward<First>(first)...);
}
template <class F>
auto wrap(bridge& to, F&& f, place where = place::current()) {
  return submitting<std::decay_t<F>>(&to, where, std::forward<F>(f));
}
template <class F, class A, class... First, detail::unless_place<A> = 0>
auto wrap(bridge& to, F&& f, A&& a, First&&... first) {
  return submitting<std::decay_t<F>, std::decay_t<A>, std::decay_t<First>...>(
      &to, place{}, std::forward<F>(f), std::forward<A>(a), std::forward<First>(first)...);
}

/// The same, for a function whose result the caller waits for: calling it returns f's result or
/// throws what f threw; when the time is up it cancels the call and throws `timed_out`, as
/// bridge::call_for() does. On the loop's own thread it throws `would_deadlock`.
template <class Rep, class Period, class F, detail::unless_bridge<F> = 0>
auto wrap_blocking(std::chrono::duration<Rep, Period> timeout, F&& f,
                   place where = place::current()) {
  return blocking<std::chrono::duration<Rep, Period>, std::decay_t<F>>(timeout, nullptr, where,
                                                                       std::forward<F>(f));
}
template <class Rep, class Period, class F, class A, class... First, detail::unless_bridge<F> = 0,
          detail::unless_place<A> = 0>
auto wrap_blocking(std::chrono::duration<Rep, Period> timeout, F&& f, A&& a, First&&... first) {
  return blocking<std::chrono::duration<Rep, Period>, std::decay_t<F>, std::decay_t<A>,
                  std::decay_t<First>...>(timeout, nullptr, place{}, std::forward<F>(f),
                                          std::forward<A>(a), std::forward<First>(first)...);
}
template <class Rep, class Period, class F>
auto wrap_blocking(bridge& to, std::chrono::duration<Rep, Period> timeout, F&& f,
                   place where = place::current()) {
  return blocking<std::chrono::duration<Rep, Period>, std::decay_t<F>>(timeout, &to, where,
                                                                       std::forward<F>(f));
}
template <class Rep, class Period, class F, class A, class... First, detail::unless_place<A> = 0>
auto wrap_blocking(bridge& to, std::chrono::duration<Rep, Period> timeout, F&& f, A&& a,
                   First&&... first) {
  return blocking<std::chrono::duration<Rep, Period>, std::decay_t<F>, std::decay_t<A>,
                  std::decay_t<First>...>(timeout, &to, place{}, std::forward<F>(f),
                                          std::forward<A>(a), std::forward<First>(first)...);
}

}  // namespace loopbridge
