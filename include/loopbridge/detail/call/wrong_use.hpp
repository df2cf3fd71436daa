#pragma once

#include <chrono>
#include <source_location>
#include <type_traits>

// For overloads that are chosen by mistake: the caller gets an error that says what to do, and not
// a list of candidates.
namespace loopbridge::detail {

/// False, but not before a template is instantiated.
template <class...>
inline constexpr bool never = false;

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

/// For overloads, so that a location passed by hand is not taken for a callable.
template <class T>
inline constexpr bool is_location = std::is_same_v<std::remove_cvref_t<T>, std::source_location>;

/// Anything but a duration, where that is wanted.
struct no_duration {
  template <class T>
    requires(!is_duration<std::decay_t<T>>)
  no_duration(T&&) {  // NOLINT: implicit
    static_assert(never<T>,
                  "a time comes first, and with its unit: std::chrono::seconds(5), or 5s");
  }
};

/// Arguments for a callable.
struct no_argument {
  template <class T>
    requires(!is_location<T>)
  no_argument(T&&) {  // NOLINT: implicit
    static_assert(never<T>,
                  "a call takes a callable, and then nothing but where it was made: put arguments "
                  "into the callable, as in b.post([x] { f(x); }), or wrap() the function");
  }
};

/// By overloads for lvalues.
template <class T>
consteval void must_be_moved() {
  static_assert(never<T>,
                "this takes the eventual for good: std::move it, as in std::move(e).then(f)");
}

}  // namespace loopbridge::detail
