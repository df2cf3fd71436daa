#pragma once

#include "loopbridge/detail/core_base.hpp"

namespace loopbridge::detail {

/// Stands on the stack while a thread blocks on a bridge, and refuses waits that cannot end.
///
/// Throws would_deadlock on the bridge's own loop thread, and on the loop thread of another bridge
/// if this wait would close a cycle of loops that wait for each other (the message names the
/// cycle); wrong_process in a forked child. Ordinary threads; not from a handler.
class blocking_wait {
 public:
  explicit blocking_wait(const core_base& target);
  ~blocking_wait();
  blocking_wait(const blocking_wait&) = delete;
  blocking_wait& operator=(const blocking_wait&) = delete;

 private:
  wait_vertex* waiter_;  ///< null: this thread runs no loop, so nobody can be waiting for it
};

}  // namespace loopbridge::detail
