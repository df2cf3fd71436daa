#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/bound_call.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge::detail {

class loop_core;

/// What bridge::post_reentrant copies into a slot: a callable with its value, as bytes, and how to
/// call it.
struct reentrant_closure {
  static constexpr std::size_t capacity = 40;

  template <class Callable>
  explicit reentrant_closure(const Callable& callable) noexcept
      : invoke([](std::byte* kept, loop_ref loop) {
          (*std::launder(reinterpret_cast<Callable*>(kept)))(loop);
        }) {
    static_assert(
        std::is_trivially_copyable_v<Callable> && std::is_trivially_destructible_v<Callable>,
        "post_reentrant copies bytes: callable and value must be trivially copyable");
    static_assert(sizeof(Callable) <= capacity && alignof(Callable) <= alignof(std::max_align_t),
                  "callable and value are too large for a slot: pass a pointer to them");
    std::memcpy(bytes, &callable, sizeof(Callable));
  }

  void (*invoke)(std::byte* bytes, loop_ref loop);
  std::byte bytes[capacity];
};

/// Claims a slot, copies the closure there, submits it. Any thread, any handler.
status post_closure(loop_core& core, std::source_location where,
                    const reentrant_closure& closure) noexcept;

template <class F, class... Value>
status post_reentrant_to(loop_core& core, std::source_location where, F f,
                         Value... value) noexcept {
  static_assert(takes_loop<F, Value...>() || std::is_invocable_v<F, Value...>,
                "the callable must accept (value) or (loopbridge::loop_ref, value), and where none "
                "is given, () or (loop_ref): post_reentrant(f, value) gives it a value");
  nobody_waits_for<decltype(invoke_with_loop(std::move(f), std::declval<loop_ref>(),
                                             std::move(value)...))>();
  const auto call = [f, value...](loop_ref loop) mutable {
    invoke_with_loop(std::move(f), loop, std::move(value)...);
  };
  return post_closure(core, where, reentrant_closure(call));
}

}  // namespace loopbridge::detail
