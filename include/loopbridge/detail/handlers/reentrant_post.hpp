#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/bound_call.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/sync/slot_pool.hpp"

namespace loopbridge::detail {

/// A slot of the pool behind bridge::post_reentrant: the operation, and the closure as bytes.
class reentrant_post final : public operation {
 public:
  static constexpr std::size_t capacity = 40;

  /// Copies the closure in. By the slot's claimer, which may be a handler.
  template <class Closure>
  void fill(std::source_location where, const Closure& closure) noexcept {
    static_assert(
        std::is_trivially_copyable_v<Closure> && std::is_trivially_destructible_v<Closure>,
        "post_reentrant copies bytes: callable and value must be trivially copyable");
    static_assert(sizeof(Closure) <= capacity && alignof(Closure) <= alignof(std::max_align_t),
                  "callable and value are too large for a slot: pass a pointer to them");
    where_ = where;
    invoke_ = [](std::byte* bytes, loop_ref loop) {
      (*std::launder(reinterpret_cast<Closure*>(bytes)))(loop);
    };
    std::memcpy(bytes_, &closure, sizeof(Closure));
  }

  call_base* run(loop_core& core) noexcept override;
  call_base* refuse(loop_core& core) noexcept override;

 private:
  std::source_location where_;
  void (*invoke_)(std::byte* bytes, loop_ref loop) = nullptr;
  std::byte bytes_[capacity];
};

/// Any thread, any handler: claims a slot, fills it, submits it.
template <class F, class... Value>
status post_reentrant_to(loop_core& core, std::source_location where, F f,
                         Value... value) noexcept {
  static_assert(takes_loop<F, Value...>() || std::is_invocable_v<F, Value...>,
                "the callable must accept (value) or (loopbridge::loop_ref, value), and where none "
                "is given, () or (loop_ref): post_reentrant(f, value) gives it a value");
  nobody_waits_for<decltype(invoke_with_loop(std::move(f), std::declval<loop_ref>(),
                                             std::move(value)...))>();
  const auto closure = [f, value...](loop_ref loop) mutable {
    invoke_with_loop(std::move(f), loop, std::move(value)...);
  };
  if (!core.is_this_process()) return status::wrong_process;
  slot_pool<reentrant_post>& pool = core.reentrant_slots();
  const bool closed = core.is_closed_to_caller();
  reentrant_post* const slot = closed ? nullptr : pool.claim();
  if (slot == nullptr) {
    core.counts().refused.add();
    return closed || core.is_closed() ? status::bridge_stopped : status::exhausted;
  }
  slot->fill(where, closure);
  const status s = core.submit(*slot);
  if (s != status::accepted) {
    core.counts().refused.add();
    pool.release(*slot);
  }
  return s;
}

}  // namespace loopbridge::detail
