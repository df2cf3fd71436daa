#include "loopbridge/detail/core_base.hpp"

#include "loopbridge/detail/completion.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {

bool core_base::on_loop_thread() const noexcept {
  return loop_thread_.load(std::memory_order_relaxed) == platform::this_thread();
}

bool core_base::wait_for(completion& answer, deadline until, const interruption_flag* by) noexcept {
  if (answer.is_done()) return true;
  counts_.waits_begun.add();
  const bool done = answer.wait(until, process_, by);
  counts_.waits_ended.add();
  return done;
}

}  // namespace loopbridge::detail
