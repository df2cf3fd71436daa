#pragma once

#include <source_location>

#include "loopbridge/detail/loop/loop_core.hpp"

namespace loopbridge::detail {

class completion;
class call_base;

/// Stands on the stack while a thread blocks on a bridge, and refuses waits that cannot end.
///
/// Throws would_deadlock on the bridge's own loop thread, and on the loop thread of another bridge
/// if this wait would close a cycle of loops that wait for each other (the message names the
/// cycle); wrong_process in a forked child. Both name `where`, the place of the call that is waited
/// for. Ordinary threads; not from a handler.
///
/// A wait whose answer has come counts in no cycle, though its thread may have yet to wake. So it
/// names the `answer`, which must last until end(); null: it is named later, by is_for(), before
/// the submission of what answers.
///
/// One that is `endless`, without a deadline and without an interruption, is refused too where the
/// cycle leads through a task, or a then(), that is suspended: see wait_chain.hpp.
class blocking_wait {
 public:
  enum class how { timed, endless };

  blocking_wait(const loop_core& target, std::source_location where, how lasts,
                const completion* answer = nullptr, call_base* call = nullptr);
  ~blocking_wait() { end(); }
  blocking_wait(const blocking_wait&) = delete;
  blocking_wait& operator=(const blocking_wait&) = delete;

  void is_for(const completion& answer, call_base& call) noexcept;
  void end() noexcept;

 private:
  const how lasts_;
  wait_vertex* waiter_ =
      nullptr;  ///< null: this thread runs no loop, so nobody can be waiting for it
};

}  // namespace loopbridge::detail
