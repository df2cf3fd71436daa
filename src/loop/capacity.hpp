#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/detail/sync/counters.hpp"
#include "loopbridge/detail/sync/inbox.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge::detail {

/// What a bridge with a capacity has beside its submission list: how many permits there are, and
/// the threads that wait for one.
///
/// A call holds a permit from claim() until the loop takes the list, and with it all permits at
/// once: so the loop pays for all this once in an iteration, and not for each call. A caller that
/// finds a permit at once takes no lock. All else is rare or slow anyway, and goes under a mutex,
/// whose holder no handler interrupts. Thus a handler never finds it held by its own thread, nor
/// waits for a loop that waits for it.
///
/// Home of `claimed_`, the number of permits held. Added to by a CAS that stays below the capacity,
/// taken from under the mutex. Relaxed: it admits, and orders nothing; a call is published by its
/// push, and the waiters' sleep depends on the mutex alone. A frame that is left by siglongjmp
/// between its claim and its push leaves a permit held that no call has: see claim_or_wait().
class capacity_gate {
 public:
  explicit capacity_gate(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// A thread that waits for a permit, on its stack.
  struct waiter {
    completion let_go;  ///< done: there may be a permit, or the list is closed
    waiter* previous = nullptr;
    waiter* following = nullptr;
    bool waits = false;
  };

  std::size_t claimed() const noexcept { return claimed_.load(std::memory_order_relaxed); }
  /// The same, less the permits of calls that a closed list has refused. For statistics.
  std::size_t queued() const noexcept { return all_taken_.get() != 0 ? 0 : claimed(); }

  /// A permit for one call, whose push follows. Any ordinary thread. False: full.
  bool claim() noexcept;
  /// The same, looked at closely: `accepted`, `bridge_stopped`, or `bridge_full`, and then `w`,
  /// unless it is null, waits until it is let go.
  status claim_or_wait(submission_list<operation>& list, waiter* w) noexcept;
  /// Ends a wait early.
  void leave(waiter& w) noexcept;
  /// Any ordinary thread, after the list was closed.
  void let_all_go() noexcept;

  /// All that is queued, oldest first, and gives back their permits. Adds how many to `count`. By
  /// the holder of the drain lock.
  batch take(submission_list<operation>& list, std::size_t& count) noexcept;

 private:
  void let_go_under_lock() noexcept;

  const std::size_t capacity_;
  alignas(64) std::atomic<std::size_t> claimed_{0};
  counter all_taken_;  ///< not 0: the list was closed, and then taken

  alignas(64) std::mutex mutex_;
  waiter* waiters_ = nullptr;  ///< under the mutex
};

}  // namespace loopbridge::detail
