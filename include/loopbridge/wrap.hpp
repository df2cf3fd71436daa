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
  static_assert((!std::is_same_v<First, place> && ...),
                "wrap: give a place behind the function only where it gets no first arguments");

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
  answer<Args...> call_within(std::chrono::nanoseconds timeout, Args&&... args) const {
    return std::apply(
        [&](const First&... first) -> answer<Args...> {
          return to().do_call_until(entry::within(timeout), where_, f_, first...,
                                    std::forward<Args>(args)...);
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

/// For overloads: a bridge comes before the function.
template <class F>
using unless_bridge = std::enable_if_t<!std::is_same_v<std::decay_t<F>, bridge>, int>;

}  // namespace detail

/// Makes `f` a function that runs on the loop: `const auto look_up = wrap(f, first...);`. Calling
/// the result takes f's own arguments (but the `loop_ref`, which the bridge adds), is
/// bridge::submit(), for which all holds that is said there, and returns an eventual for what f
/// returns, or for what the deferred<T> that it returns ends with. Arguments are kept by value,
/// like std::thread's, and may be move-only. `first` are arguments that it is given ahead of the
/// others, as by std::bind_front: a member function's object, say.
///
/// It runs on `to`, which must outlive the calls, or on the default bridge, which is made when the
/// result is first called. `f` and `first` are copied for each call, and the copies destroyed, as
/// bridge::submit() says: what they share belongs to the loop's thread alone. Several threads may
/// call the same one at once; it is copyable if the function is. Failures and the watchdog's
/// reports name the place where it was made, since each call's own arguments leave no room for one.
/// Without `first` a place may be given, behind `f`.
template <class F, class... First>
class wrap : public detail::wrapped_function<F, First...> {
 public:
  explicit wrap(F f, First... first, place where = place::current())
      : detail::wrapped_function<F, First...>(nullptr, where, std::move(f), std::move(first)...) {}
  wrap(bridge& to, F f, First... first, place where = place::current())
      : detail::wrapped_function<F, First...>(&to, where, std::move(f), std::move(first)...) {}

  template <class... Args>
  auto operator()(Args&&... args) const
      -> eventual<detail::answer_t<detail::bound_call_of<F, First..., Args...>>> {
    return this->submit(std::forward<Args>(args)...);
  }
};

template <class F, class... First, detail::unless_bridge<F> = 0>
wrap(F&&, First&&...) -> wrap<std::decay_t<F>, std::decay_t<First>...>;
template <class F>
wrap(F&&, place) -> wrap<std::decay_t<F>>;
template <class F, class... First>
wrap(bridge&, F&&, First&&...) -> wrap<std::decay_t<F>, std::decay_t<First>...>;
template <class F>
wrap(bridge&, F&&, place) -> wrap<std::decay_t<F>>;

/// The same, for a function whose result the caller waits for: calling it returns f's result or
/// throws what f threw; when the time is up it cancels the call and throws `timed_out`, as
/// bridge::call_for() does. On the loop's own thread it throws `would_deadlock`.
template <class F, class... First>
class wrap_blocking : public detail::wrapped_function<F, First...> {
 public:
  template <class Rep, class Period>
  wrap_blocking(std::chrono::duration<Rep, Period> timeout, F f, First... first,
                place where = place::current())
      : detail::wrapped_function<F, First...>(nullptr, where, std::move(f), std::move(first)...),
        timeout_(detail::in_nanoseconds(timeout)) {}
  template <class Rep, class Period>
  wrap_blocking(bridge& to, std::chrono::duration<Rep, Period> timeout, F f, First... first,
                place where = place::current())
      : detail::wrapped_function<F, First...>(&to, where, std::move(f), std::move(first)...),
        timeout_(detail::in_nanoseconds(timeout)) {}

  template <class... Args>
  auto operator()(Args&&... args) const
      -> detail::answer_t<detail::bound_call_of<F, First..., Args...>> {
    return this->call_within(timeout_, std::forward<Args>(args)...);
  }

 private:
  std::chrono::nanoseconds timeout_;
};

template <class Rep, class Period, class F, class... First>
wrap_blocking(std::chrono::duration<Rep, Period>, F&&, First&&...)
    -> wrap_blocking<std::decay_t<F>, std::decay_t<First>...>;
template <class Rep, class Period, class F>
wrap_blocking(std::chrono::duration<Rep, Period>, F&&, place) -> wrap_blocking<std::decay_t<F>>;
template <class Rep, class Period, class F, class... First>
wrap_blocking(bridge&, std::chrono::duration<Rep, Period>, F&&, First&&...)
    -> wrap_blocking<std::decay_t<F>, std::decay_t<First>...>;
template <class Rep, class Period, class F>
wrap_blocking(bridge&, std::chrono::duration<Rep, Period>, F&&, place)
    -> wrap_blocking<std::decay_t<F>>;

}  // namespace loopbridge
