#pragma once

#include <chrono>
#include <source_location>
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

/// What wrap() and wrap_blocking() give.
template <class F, bool Blocks>
class wrapped_function {
 public:
  template <class G>
  wrapped_function(bridge* to, std::chrono::nanoseconds timeout, G&& f, std::source_location where)
      : to_(to), timeout_(timeout), f_(std::forward<G>(f)), where_(where) {}

  /// The function as it was given, to be tested by itself, on any thread. Lives as long as this.
  const F& wrapped() const noexcept { return f_; }

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    bridge& to = to_ != nullptr ? *to_ : default_bridge();
    if constexpr (Blocks) {
      return call_on_until(bridge_access::core(to), submit_options::within(timeout_), where_, f_,
                           std::forward<Args>(args)...);
    } else {
      return submit_to(bridge_access::core(to), {}, where_, f_, std::forward<Args>(args)...);
    }
  }

 private:
  bridge* to_;  ///< null: the default bridge, as it is when called
  std::chrono::nanoseconds timeout_;
  F f_;
  std::source_location where_;
};

}  // namespace detail

/// Makes `f` a function that runs on the loop: `const auto look_up = wrap(f);`. Calling that takes
/// f's own arguments (but the `loop_ref`, which the bridge adds), is bridge::submit(), for which
/// all holds that is said there, and returns an eventual for what f returns, or for what the
/// deferred<T> or task<T> that it returns ends with. Arguments are kept by value, like
/// std::thread's, and may be move-only. A member function is wrapped with its object by
/// std::bind_front(&type::f, &object).
///
/// It runs on `to`, which must outlive the calls, or on the default bridge, which is made when the
/// result is first called. `f` is copied for each call, and the copy destroyed as bridge::submit()
/// says: what the copies share belongs to the loop's thread alone. Several threads may call the
/// same one at once; it is copyable if the function is. Failures and the watchdog's reports name
/// the place where it was made, since each call's arguments leave no room for one.
template <class F>
auto wrap(bridge& to, F&& f, std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, false>(&to, {}, std::forward<F>(f), where);
}
template <class F>
auto wrap(F&& f, std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, false>(nullptr, {}, std::forward<F>(f), where);
}

/// The same, for a function whose result the caller waits for: calling it returns f's result or
/// throws what f threw; when the time is up it cancels the call and throws `timed_out`, as
/// bridge::call_for() does. On the loop's own thread it throws `would_deadlock`.
template <class Rep, class Period, class F>
auto wrap_blocking(bridge& to, std::chrono::duration<Rep, Period> timeout, F&& f,
                   std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, true>(&to, detail::in_nanoseconds(timeout),
                                                         std::forward<F>(f), where);
}
template <class Rep, class Period, class F>
auto wrap_blocking(std::chrono::duration<Rep, Period> timeout, F&& f,
                   std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, true>(nullptr, detail::in_nanoseconds(timeout),
                                                         std::forward<F>(f), where);
}

}  // namespace loopbridge
