#pragma once

#include <atomic>
#include <cstdint>

namespace loopbridge::detail {

/// Whether anybody has to ring: a count of the loop's sleep episodes.
///
///   even   the loop is awake and looks at the list again before it sleeps,
///          or this sleep has been rung already               sender: nothing to do
///   odd    the loop sleeps or is about to                    sender: ring, then silence(episode)
///
/// A sender marks the episode as rung only *after* its write to the doorbell has returned. So a
/// ring is left out only when somebody's write is complete or the loop is awake: a sender that is
/// interrupted, for however long, owes nobody a wake-up. (Marking first, as "wake if it was
/// empty" and uv_async_send do, lets a handler that waits hang behind the code it interrupted.)
/// The count keeps a late sender from silencing a later sleep.
///
/// Home of `episode_`. The loop makes it odd (arm) and even (disarm); senders only take odd to the
/// next even number (silence). No wake-up is lost because four accesses are seq_cst, so that they
/// have one order: a sender pushes, then reads the bell; the loop arms the bell, then reads the
/// list. Either the sender's read comes after the arming and it rings, or the loop's read comes
/// after the push and it does not sleep.
class bell {
 public:
  /// Loop: about to sleep. Look at the list once more after this.
  void arm() noexcept {
    // Relaxed: only the loop makes it odd. A silence() that this misses has rung already, and the
    // arming of before still stands.
    const std::uint64_t e = episode_.load(std::memory_order_relaxed);
    // seq_cst: before the loop's submission_list::has_news() in the single order; pairs with
    // episode_to_ring().
    if ((e & 1) == 0) episode_.store(e + 1, std::memory_order_seq_cst);
  }

  /// Loop: awake, and will look at the list before it sleeps.
  void disarm() noexcept {
    // A sender's silence() may come between: it writes the same value. Relaxed: a sender that
    // reads the older odd value rings once more than necessary, and that is all.
    const std::uint64_t e = episode_.load(std::memory_order_relaxed);
    if ((e & 1) != 0) episode_.store(e + 1, std::memory_order_relaxed);
  }

  /// Sender, after its push: the episode to ring for, or 0 if nobody needs ringing.
  std::uint64_t episode_to_ring() const noexcept {
    const std::uint64_t e = episode_.load(std::memory_order_seq_cst);  // pairs with arm()
    return (e & 1) != 0 ? e : 0;
  }

  /// Sender, after its write to the doorbell returned: nobody else needs to ring for `episode`.
  void silence(std::uint64_t episode) noexcept {
    // Relaxed: the write is a system call that has returned, so the loop wakes whatever anyone
    // reads here; and who reads the even value has pushed before the next arming (see above).
    episode_.compare_exchange_strong(episode, episode + 1, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> episode_{0};
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

}  // namespace loopbridge::detail
