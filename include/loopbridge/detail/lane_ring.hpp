#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loopbridge::detail {

class core_base;

/// Waits until every thread of this process has passed a full memory barrier: the other half of a
/// fence that they leave out, and may leave out only where the system can do this. If it could and
/// cannot any more, a post might be lost: that ends the process. In src/membarrier.cpp.
void fence_all_threads() noexcept;
bool can_fence_all_threads() noexcept;

/// A bounded queue from one thread to the loop. Its producer makes no locked operation while the
/// lane is busy, and a handler may interrupt it at every instruction.
///
///   producer   enter, room, fill the slot, publish, is_settled or settle, leave; then look at the
///              bell. One thread at a time. A handler or a constructor inside that finds it entered
///              must go elsewhere, because a slot is half filled.
///   consumer   next, publish_head, arm, close; who holds the loop's turn
///
/// Home of the atomics. Producer writes `tail_` and `busy_`, the consumer `head_` and `mode_`; both
/// write `fence_`, `final_` and `waiting_`.
///
/// Sleeping. The producer publishes, then looks at `mode_` and the bell; the loop arms the bell,
/// then looks at `tail_`: one of the two must see the other. Where the lane is `quiet`, both make a
/// read-modify-write of `fence_` between: whoever comes second has seen what the first did. That
/// costs as much as the list's push. So a lane with traffic is made `loud`: the producer has no
/// fence, and the loop, before it sleeps, has the kernel fence all threads (arm() says so). The
/// producer looks at `mode_` after it has published: a `loud` that it reads late was read before
/// the kernel's fence, and then `tail_` was written before it, too.
///
/// Closing. The consumer sets `closing`, fences as for sleep, and decides by `final_` up to which
/// item it takes; a producer that finds `closing` after it has published decides it itself, if it
/// is the first. So each item is accepted or refused, whoever is interrupted where.
class lane_ring {
 public:
  static constexpr std::size_t closure_bytes = 24;
  enum class fate { run, refuse };
  struct slot {
    /// Moves the closure out of the slot, then runs it, or reports it as refused.
    void (*end)(std::byte* closure, core_base& core, void* lane, fate f) noexcept;
    alignas(8) std::byte closure[closure_bytes];
  };

  /// `ring`: `capacity` slots, a power of two, which outlive this.
  lane_ring(slot* ring, std::uint32_t capacity) noexcept
      : slots_(ring), capacity_(capacity), limit_(capacity) {}

  // The producer.

  /// False: the calling thread is in it already.
  bool enter() noexcept {
    // Relaxed, and compiler fences: only the thread itself and its handlers look at it.
    if (busy_.load(std::memory_order_relaxed)) return false;
    busy_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return true;
  }
  void leave() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    busy_.store(false, std::memory_order_relaxed);
  }
  /// The slot to fill; null: full, or closed.
  slot* room() noexcept {
    if (position_ == limit_) {
      if (is_closing()) return nullptr;
      limit_ = head_.load(std::memory_order_acquire) + capacity_;  // pairs with publish_head()
      if (position_ == limit_) return nullptr;
    }
    slot* const s = &slots_[position_ & (capacity_ - 1)];
#if defined(__GNUC__)
    __builtin_prefetch(&slots_[(position_ + 16) & (capacity_ - 1)], 1);
#endif
    return s;
  }
  void publish() noexcept {
    tail_.store(++position_, std::memory_order_release);  // pairs with published()
  }
  /// Is the item just published accepted? Else settle() decides.
  bool is_settled() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // after the publication, see above
    if (mode_.load(std::memory_order_relaxed) == loud) return true;
    fence_.fetch_add(0, std::memory_order_acq_rel);  // pairs with arm() and close()
    return !is_closing();
  }
  /// The lane is closing. False: the last item was refused, and is the producer's again, in the
  /// slot that this gives.
  bool settle(slot*& last) noexcept {
    std::uint64_t decided = undecided;
    // release: the consumer takes what was published before.
    if (final_.compare_exchange_strong(decided, position_, std::memory_order_release,
                                       std::memory_order_relaxed)) {
      return true;
    }
    if (position_ <= decided) return true;
    limit_ = --position_;
    last = &slots_[position_ & (capacity_ - 1)];
    return false;
  }
  bool is_closing() const noexcept {
    return mode_.load(std::memory_order_relaxed) == closing;  // what it entails is in final_
  }
  /// How many were published, ever.
  std::uint64_t position() const noexcept {
    return position_;
  }
  /// Until told otherwise room() is asked to look anew.
  void distrust_room() noexcept {
    limit_ = position_;
  }
  bool knows_room() const noexcept {
    return position_ != limit_;
  }
  /// Is there any by now? For a producer that waits.
  bool has_room() const noexcept {
    return head_.load(std::memory_order_relaxed) + capacity_ != position_;  // room() looks again
  }

  /// Says that the producer is about to sleep until there is room, on the word that this gives.
  /// Null: there is some, or the lane is closing.
  const std::atomic<std::uint32_t>* wait_for_room() noexcept {
    // seq_cst, and so in publish_head(): it says so, then looks; the consumer makes room, then
    // looks who waits. A close makes room, too, so the look at the mode only spares another one.
    waiting_.store(1, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) + capacity_ != position_ || is_closing()) {
      return nullptr;
    }
    return &waiting_;
  }

  // The consumer.

  std::uint64_t published() const noexcept {
    return tail_.load(std::memory_order_acquire);  // pairs with publish()
  }
  bool has_items() const noexcept {
    return published() != taken_;
  }
  std::uint64_t taken() const noexcept {
    return taken_;
  }
  /// The next one's slot, which must be emptied before the next publish_head().
  slot& next() noexcept {
    return slots_[taken_++ & (capacity_ - 1)];
  }
  /// Makes room. The word to wake the producer by, or null.
  std::atomic<std::uint32_t>* publish_head() noexcept {
    head_.store(taken_, std::memory_order_seq_cst);                     // see wait_for_room()
    if (waiting_.load(std::memory_order_seq_cst) == 0) return nullptr;  // see wait_for_room()
    waiting_.store(0, std::memory_order_relaxed);
    return &waiting_;
  }
  /// After a pass that took so many.
  void note_traffic(std::uint64_t items) noexcept {
    traffic_ = items;
    // Relaxed: a producer that reads it late fences once more.
    if (items >= worth_it && mode_.load(std::memory_order_relaxed) == quiet &&
        can_fence_all_threads()) {
      mode_.store(loud, std::memory_order_relaxed);
    }
  }
  /// The bell is armed. True: call fence_all_threads() before has_items().
  bool arm() noexcept {
    if (mode_.load(std::memory_order_relaxed) != loud) {
      fence_.fetch_add(0, std::memory_order_acq_rel);  // pairs with is_settled()
      return false;
    }
    // Before the kernel's fence, after which no producer reads "loud" any more.
    if (traffic_ < worth_it) mode_.store(quiet, std::memory_order_relaxed);
    traffic_ = 0;
    return true;
  }
  /// Refuses later items. Then fence as after arm(), and ask last().
  void close() noexcept {
    mode_.store(closing, std::memory_order_relaxed);  // the fences order it
    fence_.fetch_add(0, std::memory_order_acq_rel);   // pairs with is_settled()
  }
  /// After close(): the position up to which items were accepted.
  std::uint64_t last() noexcept {
    const std::uint64_t seen = published();
    std::uint64_t decided = undecided;
    if (final_.compare_exchange_strong(decided, seen, std::memory_order_acquire,
                                       std::memory_order_acquire)) {
      return seen;
    }
    return decided;
  }

 private:
  enum mode : std::uint8_t { quiet, loud, closing };
  static constexpr std::uint64_t undecided = UINT64_MAX;
  static constexpr std::uint64_t worth_it = 64;

  // What the producer writes, what the consumer writes, and what both only read mostly.
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::atomic<bool> busy_{false};
  std::uint64_t position_ = 0;  ///< the producer's own copy of tail_
  slot* const slots_;
  const std::uint32_t capacity_;
  std::uint64_t limit_;  ///< room is there up to here

  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::uint64_t taken_ = 0;  ///< the consumer's own copy, ahead of it
  std::uint64_t traffic_ = 0;

  alignas(64) std::atomic<mode> mode_{quiet};
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint64_t> fence_{0};
  std::atomic<std::uint64_t> final_{undecided};
};

}  // namespace loopbridge::detail
