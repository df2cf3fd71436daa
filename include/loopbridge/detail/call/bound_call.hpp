#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "loopbridge/loop_ref.hpp"

namespace loopbridge {
template <class T>
class deferred;
template <class T>
class eventual;
template <class T>
class task;

namespace detail {

template <class P>
struct parameter {
  /// What may be given the loop: not whatever a loop_ref could be made into, as std::any.
  static constexpr bool is_loop = std::is_same_v<std::remove_cvref_t<P>, loop_ref> ||
                                  std::is_same_v<P, uv_loop_s*> ||
                                  std::is_same_v<P, const uv_loop_s*>;
};
template <class R, class P, class... Ps>
parameter<P> first_parameter(R (*)(P, Ps...));
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...));
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...) const);
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...) &);
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...) const&);
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...) &&);
template <class C, class R, class P, class... Ps>
parameter<P> first_parameter(R (C::*)(P, Ps...) const&&);

/// Does a callable take the loop ahead of `Args`? It says so by its first parameter; where that
/// cannot be known, because its operator() is a template or overloaded, by accepting a loop_ref.
template <class F, class... Args>
constexpr bool takes_loop() {
  using callable = std::remove_cvref_t<std::unwrap_reference_t<std::remove_cvref_t<F>>>;
  if constexpr (!std::is_invocable_v<F, loop_ref, Args...>) {
    return false;
  } else if constexpr (requires { first_parameter(std::declval<callable>()); }) {
    // A member's object is no parameter of those: it cannot be the loop.
    return !std::is_member_pointer_v<callable> &&
           decltype(first_parameter(std::declval<callable>()))::is_loop;
  } else if constexpr (requires { first_parameter(&callable::operator()); }) {
    return decltype(first_parameter(&callable::operator()))::is_loop;
  } else {
    return true;
  }
}

template <class T>
struct answer_of {
  using type = T;
  static constexpr bool is_deferred = false;  ///< it may come after the callable has returned
  static constexpr bool is_task = false;
  static constexpr bool is_eventual = false;
};
template <class T>
struct answer_of<deferred<T>> {
  using type = T;
  static constexpr bool is_deferred = true;
  static constexpr bool is_task = false;
  static constexpr bool is_eventual = false;
};
template <class T>
struct answer_of<task<T>> {
  using type = T;
  static constexpr bool is_deferred = true;
  static constexpr bool is_task = true;
  static constexpr bool is_eventual = false;
};
template <class T>
struct answer_of<eventual<T>> {
  using type = T;
  static constexpr bool is_deferred = true;
  static constexpr bool is_task = false;
  static constexpr bool is_eventual = true;
};

/// Does a result come after the callable has returned?
template <class R>
inline constexpr bool is_later = answer_of<std::remove_cv_t<R>>::is_deferred;

/// By calls without a waiter. (An eventual that is dropped reports its failure.)
template <class R>
consteval void nobody_waits_for() {
  static_assert(
      !is_later<R> || answer_of<std::remove_cv_t<R>>::is_eventual,
      "nobody waits for this call, and what its deferred or task ends with would be lost: "
      "use submit(), here or in the callable");
}

/// std::invoke, whose header is one of the slowest to compile.
template <class F, class... Args>
decltype(auto) invoke(F&& f, Args&&... args) {
  if constexpr (std::is_member_pointer_v<std::remove_cvref_t<F>>) {
    return std::apply(std::forward<F>(f), std::forward_as_tuple(std::forward<Args>(args)...));
  } else {
    return std::forward<F>(f)(std::forward<Args>(args)...);
  }
}

/// Calls `f` with `args`, and with the loop ahead of them if it takes that.
template <class F, class... Args>
auto invoke_with_loop(F&& f, [[maybe_unused]] loop_ref loop, Args&&... args) ->
    typename std::conditional_t<takes_loop<F, Args...>(), std::invoke_result<F, loop_ref, Args...>,
                                std::invoke_result<F, Args...>>::type {
  if constexpr (takes_loop<F, Args...>()) {
    return detail::invoke(std::forward<F>(f), loop_ref(loop), std::forward<Args>(args)...);
  } else {
    return detail::invoke(std::forward<F>(f), std::forward<Args>(args)...);
  }
}

/// A callable, kept by value until the loop calls it, once, as an rvalue; so it may be move-only.
template <class F>
class bound_call {
  static_assert(!is_later<F>,
                "pass the function, not what it has returned: submit(f), not submit(f())");
  static_assert(is_later<F> || takes_loop<F>() || std::is_invocable_v<F>,
                "a call's function takes nothing, or a loop_ref: other arguments are put into a "
                "lambda, or the function is wrapped: see wrap()");

 public:
  using result_type = decltype(invoke_with_loop(std::declval<F>(), std::declval<loop_ref>()));

  template <class G>
  explicit bound_call(G&& f) : f_(std::forward<G>(f)) {
    static_assert(std::is_constructible_v<F, G>,
                  "this callable cannot be copied into the call: std::move it");
  }

  F& function() noexcept { return f_; }

  result_type operator()(loop_ref loop) { return invoke_with_loop(std::move(f_), loop); }

 private:
  [[no_unique_address]] F f_;
};

/// For a callable as it was passed.
template <class F>
using bound_call_of = bound_call<std::decay_t<F>>;

/// What the waiter gets: the callable's result, or, of a deferred<T>, task<T> or eventual<T>, the
/// T.
template <class Bound>
using answer_t = typename answer_of<std::remove_cv_t<typename Bound::result_type>>::type;

/// Storage for a T that is destroyed explicitly, before the storage.
template <class T>
union manual_lifetime {
  template <class... A>
  explicit manual_lifetime(std::in_place_t, A&&... args) : value(std::forward<A>(args)...) {}
  ~manual_lifetime() {}
  void destroy() noexcept { value.~T(); }
  T value;
};

}  // namespace detail
}  // namespace loopbridge
