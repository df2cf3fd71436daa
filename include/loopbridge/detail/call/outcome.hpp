#pragma once

#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

/// Would `To& r = from` bind to `from` itself, or to what its conversion function refers to?
template <class To, class From>
concept binds_to =
    std::is_convertible_v<From, To> &&
    (std::is_convertible_v<std::remove_reference_t<From>*, std::remove_reference_t<To>*>
         ? std::is_lvalue_reference_v<From>
         : std::is_class_v<std::remove_cvref_t<From>>);

template <class T, class... Args>
concept braces_take = std::is_aggregate_v<T> && requires { T{std::declval<Args>()...}; };

/// Can a T be made of `args`, without a cast? What `T(arg)` would be for anything but a class.
template <class T, class... Args>
constexpr bool is_makeable() {
  constexpr bool is_single = sizeof...(Args) == 1;
  if constexpr (std::is_void_v<T>) {
    return sizeof...(Args) == 0;
  } else if constexpr (std::is_reference_v<T>) {
    return is_single && (binds_to<T, Args> && ...);
  } else if constexpr (!std::is_class_v<T> && !std::is_union_v<T>) {
    return sizeof...(Args) == 0 || (is_single && (std::is_convertible_v<Args, T> && ...));
  } else if constexpr (is_single && (std::is_convertible_v<Args, T> && ...)) {
    return true;
  } else {
    return std::is_aggregate_v<T> ? braces_take<T, Args...> : std::is_constructible_v<T, Args...>;
  }
}
template <class T, class... Args>
concept can_make = is_makeable<T, Args...>();

/// Does a function give what a T can be made of?
template <class F, class T>
concept makes =
    std::is_invocable_v<F> && (std::is_void_v<T> || can_make<T, std::invoke_result_t<F>>);

template <class T, class... Args>
  requires can_make<T, Args...>
constexpr T make_value(Args&&... args) {
  if constexpr (std::is_void_v<T>) {
    return;
  } else if constexpr (sizeof...(Args) == 1 && (std::is_convertible_v<Args, T> && ...)) {
    return (std::forward<Args>(args), ...);
  } else if constexpr (std::is_aggregate_v<T>) {
    return T{std::forward<Args>(args)...};
  } else {
    return T(std::forward<Args>(args)...);
  }
}

/// What a call ended with: a value (or a reference, or void), what it threw, or a failure of which
/// the library makes an exception when it is asked for. Plain data; completion says when to look.
template <class T>
class outcome {
  static_assert(!std::is_rvalue_reference_v<T>, "return a value or an lvalue reference");
  static_assert(std::is_void_v<T> || std::is_move_constructible_v<T>,
                "a result must be movable: return a std::unique_ptr to what is not");
  static constexpr bool is_void = std::is_void_v<T>;
  static constexpr bool is_reference = std::is_lvalue_reference_v<T>;

 public:
  /// What one of several readers sees, again and again ...
  using view = std::conditional_t<is_void || is_reference, T,
                                  std::add_lvalue_reference_t<std::add_const_t<T>>>;

  /// Takes what `make` returns or throws.
  template <class Make>
  void capture(Make&& make) noexcept {
    try {
      if constexpr (is_void) {
        std::forward<Make>(make)();
        state_.template emplace<3>();
      } else if constexpr (is_reference) {
        state_.template emplace<3>(std::addressof(std::forward<Make>(make)()));
      } else {
        state_.template emplace<3>(std::forward<Make>(make)());
      }
    } catch (...) {
      set(std::current_exception());
    }
  }
  /// A null one, which nobody could throw, is a failure of its own.
  void set(std::exception_ptr thrown) noexcept {
    if (thrown == nullptr) return set(status::broken);
    state_.template emplace<2>(std::move(thrown));
  }
  void set(status s) noexcept { state_.template emplace<1>(s); }
  /// Destroys what it has.
  void clear() noexcept { state_.template emplace<0>(); }
  /// Takes over another's; a value whose move throws becomes that exception.
  void take_over(outcome&& other) noexcept {
    if (status* const s = std::get_if<1>(&other.state_)) {
      set(*s);
    } else if (std::exception_ptr* const thrown = std::get_if<2>(&other.state_)) {
      set(std::move(*thrown));
    } else {
      capture([&]() -> T { return other.take({}); });
    }
  }

  bool has_value() const noexcept { return state_.index() == 3; }
  bool is(status s) const noexcept {
    const status* const own = std::get_if<1>(&state_);
    return own != nullptr && *own == s;
  }

  /// The exception, or null if there is a value.
  std::exception_ptr error(std::source_location where) const noexcept {
    if (const status* const s = std::get_if<1>(&state_)) return make_error(*s, where);
    if (const std::exception_ptr* const thrown = std::get_if<2>(&state_)) return *thrown;
    return nullptr;
  }

  view look(std::source_location where) const {
    if (!has_value()) std::rethrow_exception(error(where));
    if constexpr (is_reference) {
      return *std::get<3>(state_);
    } else if constexpr (!is_void) {
      return std::get<3>(state_);
    }
  }

  /// ... and what the reader gets that takes it.
  T take(std::source_location where) {
    if (!has_value()) std::rethrow_exception(error(where));
    if constexpr (is_reference) {
      return *std::get<3>(state_);
    } else if constexpr (!is_void) {
      return std::move(std::get<3>(state_));
    }
  }

 private:
  using stored = std::conditional_t<
      is_void, std::monostate,
      std::conditional_t<is_reference, std::add_pointer_t<std::remove_reference_t<T>>,
                         std::remove_const_t<T>>>;
  std::variant<std::monostate, status, std::exception_ptr, stored> state_;
};

}  // namespace loopbridge::detail
