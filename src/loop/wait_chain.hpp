#pragma once

#include <cstdint>
#include <source_location>

#include "loop/wait_graph.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/deferred_state.hpp"

namespace loopbridge::detail {

/// What an endless wait waits for in the end, where tasks are in between: a walk from a call to
/// what must happen before it can be answered.
///
///   a call that is queued, or runs        its loop's thread must go on
///   one that a suspended task answers     the call that the task awaits
///   the same of a then()                  the call before it
///   a task that waits for a lock          the task that has the lock
///   a thread that waits without end       the call that it waits for, or the loop's next iteration
///
/// It ends where something else may bring the answer: a completer; a thread that does not wait, or
/// only for a time; a when_all() or when_any() of several calls, which another of them may end.
///
/// Each waiter holds what it waits for, and a walk looks at nothing else. A waiter that ends its
/// wait says so first, and lets go when no thread walks. So during a walk waits may end, but none
/// comes back: a walk that finds the same twice, with nothing of it done, has seen a circle that
/// stood whole in between. Each side says that it waits before it looks: of those that close a
/// circle, the last one finds it. For all of that the accesses are in the default order: seq_cst.
class wait_chain {
 public:
  /// Throws would_deadlock if the endless wait of `own`, the calling thread's, is part of a circle.
  static void check(wait_vertex& own, std::source_location where);
  /// Is what answers by `d`, suspended on the calling thread, part of a circle?
  static bool leads_back_to(deferred_base& d) noexcept;
  /// For a waiter that has said that it does not wait any more.
  static void until_nobody_looks() noexcept;

 private:
  static constexpr unsigned longest = 128;
  struct step {
    const void* at;
    std::uint64_t episode;
    bool operator==(const step&) const = default;
  };
  /// Where a walk begins, and where it is to come back to: one of the two.
  struct goal {
    wait_vertex* thread;
    const deferred_base* answer;
  };

  static bool is_circle(const goal& end) noexcept;
  static unsigned walk(const goal& end, step (&path)[longest]) noexcept;
};

}  // namespace loopbridge::detail
