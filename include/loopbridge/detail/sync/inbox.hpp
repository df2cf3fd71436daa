#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge::detail {

/// What was taken off a submission list: linked by `next`, oldest first.
template <class Entry>
struct basic_batch {
  Entry* oldest = nullptr;
  Entry* youngest = nullptr;  ///< where there is an oldest

  void append(const basic_batch& newer) noexcept {
    if (newer.oldest == nullptr) return;
    (oldest != nullptr ? youngest->next : oldest) = newer.oldest;
    youngest = newer.youngest;
  }
  /// The oldest, off the batch; null: none is left.
  Entry* pop() noexcept {
    Entry* const n = oldest;
    if (n != nullptr) oldest = n->next;  // read before it is run: it may be gone afterwards
    return n;
  }
};

/// A list that any number of threads and handlers push to, one taker at a time empties, and any
/// thread closes for good. Entries bring their own `next`.
///
/// An intrusive Treiber stack. A push is one CAS, so a handler that interrupts a push finds the
/// list whole at every instruction, and what it pushes is reachable at once; lists that exchange
/// first and link afterwards are not (they make the nested push wait for the interrupted one).
/// Nothing pops singly, so there is no ABA. A push is lock-free, not wait-free.
///
/// Home of `head_`: the youngest entry, with bit 0 set once the list is closed. Accepted or refused
/// is thereby decided in the one word that publishes the entry. Pushers and close() write it, the
/// taker clears the pointer. All writes are read-modify-writes: each push continues the release
/// sequences of those before it, so take() synchronizes with every push that it takes. Why the
/// accesses are seq_cst: see inbox.
template <class Entry>
class submission_list {
 public:
  /// False: the list is closed, and `n` was not taken.
  bool push(Entry& n) noexcept {
    static_assert(alignof(Entry) > closed_bit);
    // Relaxed: a guess, which the exchange checks. The closed bit, once seen, stays.
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    do {
      if ((head & closed_bit) != 0) return false;
      n.next = reinterpret_cast<Entry*>(head);
      // seq_cst: (1) of inbox; pairs with has_news(). release: publishes the entry; pairs with
      // take().
    } while (!head_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(&n),
                                          std::memory_order_seq_cst, std::memory_order_relaxed));
    return true;
  }

  /// Refuses every later push; what was accepted stays for the taker. True for the call that closed
  /// it.
  bool close() noexcept {
    // seq_cst: (1) of inbox, as a push; pairs with has_news(). And before a stop elsewhere tries to
    // take the drain lock; pairs with closed().
    return (head_.fetch_or(closed_bit, std::memory_order_seq_cst) & closed_bit) == 0;
  }
  /// seq_cst, for the loop, which asks after it has given the drain lock back: pairs with close().
  /// Once this was true, its take() misses nothing that was accepted.
  bool closed() const noexcept { return (head_.load(std::memory_order_seq_cst) & closed_bit) != 0; }

  /// Is there anything for the taker: an entry, or the closing of the list?
  bool has_news() const noexcept {
    return head_.load(std::memory_order_seq_cst) != 0;  // (4) of inbox: pairs with push(), close()
  }

  /// Everything, oldest first. Adds to `count` how many that is.
  basic_batch<Entry> take(std::size_t& count) noexcept {
    // Relaxed: what a late value misses, has_news() sees before the loop sleeps.
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    while ((head & ~closed_bit) != 0 &&
           !head_.compare_exchange_weak(head, head & closed_bit,
                                        std::memory_order_acquire,  // pairs with push()
                                        std::memory_order_relaxed)) {
    }
    basic_batch<Entry> taken{nullptr, reinterpret_cast<Entry*>(head & ~closed_bit)};
    for (Entry* n = taken.youngest; n != nullptr;) {
      Entry* const older = n->next;
      n->next = taken.oldest;
      taken.oldest = n;
      n = older;
      ++count;
    }
    return taken;
  }
  basic_batch<Entry> take() noexcept {
    std::size_t count = 0;
    return take(count);
  }

 private:
  static constexpr std::uintptr_t closed_bit = 1;

  std::atomic<std::uintptr_t> head_{0};
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);
};

/// The way into a loop: what was submitted, and whether the loop sleeps and must be woken for it.
///
///                 arm                              a sender's write has returned
///   awake (even) -----> asleep, not rung (odd) -----------------------------------> rung (even)
///        ^                    | disarm                                                  |
///        +--------------------+---------------------------------------------------------+
///
///   even   the loop is awake and looks at the list again before it sleeps,
///          or this sleep has been rung already               sender: nothing to do
///   odd    the loop sleeps or is about to                    sender: ring, then mark it as rung
///
/// **A sender marks the sleep as rung only after its write to the doorbell has returned.** So a
/// ring is left out only when a sender's write is complete or the loop is awake: a sender that is
/// interrupted, for however long, owes nobody a wake-up. (Marking first, as "wake if it was
/// empty" and uv_async_send do, lets a handler that waits hang behind the code it interrupted.)
///
/// Home of `episode_`, a count, so that a late sender cannot mark a later sleep. The loop makes it
/// odd (arm) and even (disarm); senders only take odd to the next even number. No wake-up is lost
/// because four accesses are seq_cst, and so have one order:
///
///   sender  (1) pushes (or closes), then (2) reads the episode
///   loop    (3) makes the episode odd, then (4) reads the list
///
/// Either (2) comes after (3) and the sender rings, or (4) comes after (1) and the loop does not
/// sleep.
///
/// `Owner` derives from this and has `void ring() noexcept`, the write to the doorbell: any thread,
/// any handler; it keeps errno.
template <class Owner>
class inbox {
 public:
  /// The fast path: publishes `n`, and rings if the loop sleeps. Any thread, any handler, at any
  /// instruction of another submit; errno is kept. On `accepted` the operation belongs to the loop
  /// and may be gone already; else it is untouched.
  status submit(operation& n) noexcept {
    if (!process_.is_this_process()) return status::wrong_process;
    if (!list_.push(n)) return status::bridge_stopped;
    wake();
    return status::accepted;
  }
  /// Rings if the loop sleeps: what every change of the list is followed by.
  void wake() noexcept {
    const std::uint64_t episode =
        episode_.load(std::memory_order_seq_cst);  // (2): pairs with arm()
    if ((episode & 1) == 0) return;
    static_cast<Owner*>(this)->ring();
    mark_rung(episode);
  }

  // Any thread, any handler.
  bool close() noexcept { return list_.close(); }
  bool is_closed() const noexcept { return list_.closed(); }
  bool has_news() const noexcept { return list_.has_news(); }
  /// Does the loop sleep, or is it about to, and no sender has rung? For tests and for looking in.
  bool is_asleep() const noexcept { return (episode_.load(std::memory_order_relaxed) & 1) != 0; }
  bool is_this_process() const noexcept { return process_.is_this_process(); }
  const process_mark& process() const noexcept { return process_; }

  /// Loop: about to sleep. It looks at the list once more after this.
  void arm() noexcept {
    // Relaxed: only the loop makes it odd. A sender's mark that this misses comes after its ring,
    // and the arming of before still stands.
    const std::uint64_t e = episode_.load(std::memory_order_relaxed);
    // seq_cst: (3): pairs with wake().
    if ((e & 1) == 0) episode_.store(e + 1, std::memory_order_seq_cst);
  }
  /// Loop: awake, and will look at the list before it sleeps.
  void disarm() noexcept {
    // A sender's mark may come between: it writes the same value. Relaxed: a sender that reads the
    // older odd value rings once more than necessary, and that is all.
    const std::uint64_t e = episode_.load(std::memory_order_relaxed);
    if ((e & 1) != 0) episode_.store(e + 1, std::memory_order_relaxed);
  }
  /// Loop: all that is queued.
  submission_list<operation>& list() noexcept { return list_; }

 protected:
  inbox() = default;
  ~inbox() = default;

 private:
  /// After the write to the doorbell has returned: no other sender need ring for this sleep.
  void mark_rung(std::uint64_t episode) noexcept {
    // Relaxed: the write is a system call that has returned, so the loop wakes whatever anyone
    // reads here; and a sender that reads the even value has pushed before the next arming.
    episode_.compare_exchange_strong(episode, episode + 1, std::memory_order_relaxed);
  }

  // What senders write is kept off the line that they only read.
  alignas(64) submission_list<operation> list_;
  alignas(64) std::atomic<std::uint64_t> episode_{0};
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  const process_mark process_;
};

using batch = basic_batch<operation>;

}  // namespace loopbridge::detail
