#include "loopbridge/detail/call/operation.hpp"

#include "loopbridge/detail/loop/loop_core.hpp"

namespace loopbridge::detail {

call_base* internal_operation::run(loop_core& core) noexcept {
  core.counts().internal.add_alone();
  go(core);
  return nullptr;
}

call_base* internal_operation::refuse(loop_core& core) noexcept {
  core.counts().internal.add_alone();
  core.counts().internal_refused.add_alone();
  end(core);
  return nullptr;
}

}  // namespace loopbridge::detail
