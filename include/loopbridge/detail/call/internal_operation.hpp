#pragma once

#include "loopbridge/detail/call/operation.hpp"

namespace loopbridge::detail {

/// An operation of the library's own, which stats() does not count.
///
/// Its functions, and those of the derived classes, are not inline. For what they do may release a
/// waiter, which may unload the library that the operation was made in.
class internal_operation : public operation {
 public:
  call_base* run(loop_core& core) noexcept final;
  call_base* refuse(loop_core& core) noexcept final;

 protected:
  internal_operation() = default;
  ~internal_operation() = default;

  /// The loop has reached it.
  virtual void go(loop_core& core) noexcept = 0;
  /// The bridge ended first.
  virtual void end(loop_core& core) noexcept = 0;
};

}  // namespace loopbridge::detail
