#pragma once

#include <chrono>
#include <type_traits>

#include "loopbridge/place.hpp"

// For overloads that are chosen by mistake: who calls one gets an error that says what to do, and
// not a list of candidates.
namespace loopbridge::detail {

/// False, but not before a template is instantiated.
template <class...>
inline constexpr bool never = false;

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

/// Anything but a duration, where that is wanted.
struct no_duration {
  template <class T>
  requires(!is_duration<std::decay_t<T>>) no_duration(T&&) {  // NOLINT: implicit
    static_assert(never<T>,
                  "a time comes first, and with its unit: std::chrono::seconds(5), or 5s");
  }
};

/// Arguments for a callable.
struct no_place {
  template <class T, unless_place<T> = 0>
  no_place(T&&) {  // NOLINT: implicit
    static_assert(never<T>,
                  "a call takes a callable, and then nothing but a place: put arguments into the "
                  "callable, as in b.post([x] { f(x); }), or wrap() the function");
  }
};

/// By overloads for lvalues.
template <class T>
consteval void must_be_moved() {
  static_assert(never<T>,
                "this takes the eventual for good: std::move it, as in std::move(e).then(f)");
}

}  // namespace loopbridge::detail
