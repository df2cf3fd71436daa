#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "loopbridge/detail/node.hpp"

namespace loopbridge::detail {

/// What was taken off the list: linked by `next`, oldest first.
template <class Node>
struct basic_chain {
  using node = Node;

  node* oldest = nullptr;
  node* youngest = nullptr;  ///< where there is an oldest

  void append(const basic_chain& newer) noexcept {
    if (newer.oldest == nullptr) return;
    (oldest != nullptr ? youngest->next : oldest) = newer.oldest;
    youngest = newer.youngest;
  }
  /// The oldest, off the chain; null: none is left.
  node* pop() noexcept {
    node* const n = oldest;
    if (n != nullptr) oldest = n->next;  // read before it is run: it may be gone afterwards
    return n;
  }
};

/// The submission list: any number of pushers, one taker at a time.
///
/// An intrusive Treiber stack. A push is one CAS, so a handler that interrupts a push finds the
/// list whole at every instruction, and what it pushes is reachable at once; lists that exchange
/// first and link afterwards are not (they make the nested push wait for the interrupted one).
/// Nothing pops singly, so there is no ABA. A push is lock-free, not wait-free.
///
///   push   any thread, any handler; false: the list is closed and the node was not taken
///   close  any thread, any handler; what was queued stays for the taker
///   take   the taker; everything queued, oldest first
///
/// Home of `head_`: the youngest node, with bit 0 set once the list is closed for good. Accepted
/// or refused is thereby decided in the one word that publishes the node. Pushers and close()
/// write it, the taker clears the pointer. The accesses that matter to sleeping are seq_cst and
/// pair with bell: see there. All writes are read-modify-writes: each push continues the release
/// sequences of those before it, so take() synchronizes with every push in the chain.
template <class Node>
class basic_submission_list {
 public:
  using node = Node;
  using chain = basic_chain<Node>;

  bool push(node& n) noexcept {
    static_assert(alignof(node) > closed_bit);
    // Relaxed: a guess, which the exchange checks. The closed bit, once seen, stays.
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    do {
      if ((head & closed_bit) != 0) return false;
      n.next = reinterpret_cast<node*>(head);
      // seq_cst: before the pusher's bell::episode_to_ring() in the single order; pairs with
      // has_news(). release: publishes the node; pairs with take().
    } while (!head_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(&n),
                                          std::memory_order_seq_cst, std::memory_order_relaxed));
    return true;
  }

  /// Refuses every later push. True for the one call that closed it.
  bool close() noexcept {
    // seq_cst: as push(), so that a sleeping loop is seen and rung; pairs with has_news(). And
    // before a stop elsewhere tries to take the turn; pairs with closed(), see core's in_turn_.
    return (head_.fetch_or(closed_bit, std::memory_order_seq_cst) & closed_bit) == 0;
  }

  /// seq_cst, for the loop, which asks after it has given the turn back: pairs with close(). Once
  /// this was true its take() misses nothing that was accepted.
  bool closed() const noexcept { return (head_.load(std::memory_order_seq_cst) & closed_bit) != 0; }

  /// Is there anything for the loop to do: a node, or the news that the list was closed?
  bool has_news() const noexcept {
    // seq_cst: the loop's second look, after bell::arm(); pairs with push() and close().
    return head_.load(std::memory_order_seq_cst) != 0;
  }

  /// Adds to `count` how many that is.
  chain take(std::size_t& count) noexcept {
    // Relaxed: what a late value misses, has_news() sees before the loop sleeps.
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    while ((head & ~closed_bit) != 0 &&
           !head_.compare_exchange_weak(head, head & closed_bit,
                                        std::memory_order_acquire,  // pairs with push()
                                        std::memory_order_relaxed)) {
    }
    chain taken{nullptr, reinterpret_cast<node*>(head & ~closed_bit)};
    for (node* n = taken.youngest; n != nullptr;) {
      node* const older = n->next;
      n->next = taken.oldest;
      taken.oldest = n;
      n = older;
      ++count;
    }
    return taken;
  }
  chain take() noexcept {
    std::size_t count = 0;
    return take(count);
  }

 private:
  static constexpr std::uintptr_t closed_bit = 1;

  std::atomic<std::uintptr_t> head_{0};
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);
};

/// A bridge's.
using chain = basic_chain<node>;
using submission_list = basic_submission_list<node>;

}  // namespace loopbridge::detail
