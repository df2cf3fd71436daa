#pragma once

#include "loopbridge/detail/call/node.hpp"

namespace loopbridge::detail {

/// An operation of the library's own, which stats() does not count.
///
/// Its functions, and those of the derived classes, are not inline: what it does may release a waiter
/// who unloads the library that the operation was made in.
class internal_node : public node {
 public:
  result_base* run(core_base& core) noexcept final;
  result_base* refuse(core_base& core) noexcept final;

 protected:
  internal_node() = default;
  ~internal_node() = default;

  /// The loop has reached it.
  virtual void go(core_base& core) noexcept = 0;
  /// The bridge ended first.
  virtual void end(core_base& core) noexcept = 0;
};

}  // namespace loopbridge::detail
