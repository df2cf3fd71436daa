#include "loop/firing_register.hpp"

#include <source_location>
#include <utility>

#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"
#include "sync/intrusive_list.hpp"

namespace loopbridge::detail {

void firing_register::add(reentrant_state& s) noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  link_first(first_, s);
  s.registered = true;
}

void firing_register::remove(reentrant_state& s) noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  if (std::exchange(s.registered, false)) unlink(first_, s);
}

void firing_register::end_all(loop_core& core) noexcept {
  for (;;) {
    std::source_location where;
    {
      const platform::signals_blocked while_locked;
      const std::lock_guard lock(mutex_);
      bool any_left = false;
      while (!any_left && first_ != nullptr) {
        reentrant_state& s = *first_;
        s.registered = false;
        unlink(first_, s);
        any_left = s.end_firings() != 0;
        where = s.where();
      }
      if (!any_left) return;
    }
    // The hook may do anything: not under the lock. The call itself may be gone from here.
    core.unhandled(make_error(status::bridge_stopped, where), where);
  }
}

}  // namespace loopbridge::detail
