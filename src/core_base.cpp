#include "loopbridge/detail/core_base.hpp"

#include "loopbridge/detail/completion.hpp"

namespace loopbridge::detail {

bool core_base::wait_for(completion& answer, deadline until, const interruption_flag* by) noexcept {
  if (answer.is_done()) return true;
  counts_.waits_begun.add();
  const bool done = answer.wait(until, process_, by);
  counts_.waits_ended.add();
  return done;
}

}  // namespace loopbridge::detail
