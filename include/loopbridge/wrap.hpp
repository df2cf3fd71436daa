#pragma once

#include <chrono>
#include <source_location>
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

/// What wrap() and wrap_blocking() give.
template <class F, bool Blocks>
class wrapped_function {
 public:
  template <class G>
  wrapped_function(bridge* to, std::chrono::nanoseconds timeout, G&& f, std::source_location where)
      : to_(to), timeout_(timeout), f_(std::forward<G>(f)), where_(where) {}

  /// The function as it was given, for tests of it alone, on any thread. Lives as long as this.
  const F& wrapped() const noexcept { return f_; }

  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    static_assert(
        takes_loop<F, std::decay_t<Args>...>() || std::is_invocable_v<F, std::decay_t<Args>...>,
        "the wrapped function takes these arguments, with or without a loop_ref ahead");
    bridge& to = to_ != nullptr ? *to_ : default_bridge();
    auto call = [f = f_, kept = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)](
                    loop_ref loop) mutable -> decltype(auto) {
      const auto with = [&](auto&... kept_args) -> decltype(auto) {
        return invoke_with_loop(std::move(f), loop, std::move(kept_args)...);
      };
      return std::apply(with, kept);
    };
    loop_core& core = bridge_access::core(to);
    if constexpr (Blocks) {
      return call_on_until(core, submit_options::within(timeout_), where_, std::move(call));
    } else {
      return submit_to(core, {}, where_, std::move(call));
    }
  }

 private:
  bridge* to_;  ///< null: the default bridge, as it is when called
  std::chrono::nanoseconds timeout_;
  F f_;
  std::source_location where_;
};

}  // namespace detail

/// Makes `f` a function that runs on the loop: `const auto look_up = wrap(f);`. The result takes
/// f's own arguments, without the `loop_ref`, which the bridge adds. Calling it submits as
/// bridge::submit() does, and returns an eventual for what f returns, or for what the deferred<T>
/// or task<T> that f returns ends with. Arguments are kept by value, like std::thread's, and may be
/// move-only. A member function is wrapped with its object by std::bind_front(&type::f, &object).
///
/// It runs on `to`, which must outlive the calls, or on the default bridge, which is made when the
/// result is first called. `f` is copied for each call, and the copy is destroyed like every
/// callable: see bridge. So what the copies share belongs to the loop's thread alone. The result is
/// copyable if `f` is. Failures and the watchdog's reports name the place where wrap() was called,
/// because the arguments of each call leave no room for one.
///
/// Thread   any ordinary thread; several may call the same result at once.
/// Blocks   the result's call, with a capacity only, for room: see options::patience.
/// Throws   the result's call throws `bridge_stopped`, `wrong_process`, std::bad_alloc, what
///          copying `f` or moving an argument throws; with a capacity, `bridge_full` and
///          `would_deadlock`; on the default bridge, what default_bridge() throws.
template <class F>
auto wrap(bridge& to, F&& f, std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, false>(&to, {}, std::forward<F>(f), where);
}
template <class F>
auto wrap(F&& f, std::source_location where = std::source_location::current()) {
  return detail::wrapped_function<std::decay_t<F>, false>(nullptr, {}, std::forward<F>(f), where);
}

/// wrap() for a function whose result the caller waits for. Calling the result returns f's result
/// or throws what f threw. When the time is up, it cancels the call and throws `timed_out`, as
/// bridge::call_for() does.
///
/// Blocks   the result's call, until that call has ended or the time is up.
/// Throws   the result's call throws `timed_out`; `would_deadlock` on the loop's own thread and
///          where loops would wait for each other in a cycle; what f threw; `bridge_stopped`,
///          `wrong_process`, std::bad_alloc, what copying `f` or moving an argument throws; with a
///          capacity, `bridge_full`; on the default bridge, what default_bridge() throws.
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
