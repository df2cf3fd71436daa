#pragma once

#include "loopbridge/detail/call/node.hpp"
#include "loopbridge/detail/loop/core_base.hpp"

namespace loopbridge::detail {

/// An operation of the library's own, which stats() does not count: Derived says what is done when
/// the loop reaches it, by go(), and when the bridge ends first, by end().
template <class Derived>
class internal_node : public node {
 public:
  result_base* run(core_base& core) noexcept final {
    core.counts().internal.add_alone();
    static_cast<Derived*>(this)->go(core);
    return nullptr;
  }
  result_base* refuse(core_base& core) noexcept final {
    core.counts().internal.add_alone();
    core.counts().internal_refused.add_alone();
    static_cast<Derived*>(this)->end(core);
    return nullptr;
  }

 protected:
  internal_node() = default;
  ~internal_node() = default;
};

}  // namespace loopbridge::detail
