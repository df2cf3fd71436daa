#pragma once

#include <cstddef>
#include <source_location>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/handlers/reentrant_post.hpp"
#include "loopbridge/detail/sync/slot_pool.hpp"

namespace loopbridge::detail {

/// A slot of the pool behind bridge::post_reentrant: the operation and its closure.
class reentrant_post final : public operation {
 public:
  /// By the slot's claimer, which may be a handler.
  void fill(slot_pool<reentrant_post>& home, std::source_location where,
            const reentrant_closure& closure) noexcept;

  call_base* run(loop_core& core) noexcept override;
  call_base* refuse(loop_core& core) noexcept override;

 private:
  slot_pool<reentrant_post>* home_ = nullptr;
  std::source_location where_;
  void (*invoke_)(std::byte* bytes, loop_ref loop) = nullptr;
  std::byte bytes_[reentrant_closure::capacity];
};

}  // namespace loopbridge::detail
