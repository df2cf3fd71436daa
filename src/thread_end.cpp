#include "thread_end.hpp"

#include <vector>

#include "core.hpp"

namespace loopbridge::detail {
namespace {

/// Those that one thread has made. They are held, as the bridge may be gone before its thread.
struct made_here {
  std::vector<core_ptr> cores;

  ~made_here() {
    for (const core_ptr& c : cores) {
      auto& made = static_cast<core&>(*c);
      try {
        made.stop();
      } catch (...) {
        made.stop_reentrant();  // would_deadlock: it ends when this thread does. Or wrong_process.
      }
    }
  }
};

made_here& of_this_thread() {
  static thread_local made_here made;
  return made;
}

}  // namespace

void reserve_stop_at_thread_end() {
  std::vector<core_ptr>& cores = of_this_thread().cores;
  std::erase_if(cores, [](const core_ptr& c) { return c->is_closed(); });
  cores.reserve(cores.size() + 1);
}

void stop_at_thread_end(core_base& core) noexcept {
  of_this_thread().cores.emplace_back(core);
}

}  // namespace loopbridge::detail
