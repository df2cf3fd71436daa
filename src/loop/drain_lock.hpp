#pragma once

#include <atomic>
#include <cstdint>

#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"
#include "sync/futex.hpp"

namespace loopbridge::detail {

/// Held by the one thread that may run or refuse a bridge's calls, and that the batch taken off the
/// inbox and the register of deferreds belong to.
///
/// The loop takes it for the draining part of each of its iterations. For an adopted loop, a stop()
/// on another thread may take it in between, to release the waiters.
///
/// Home of `state_`: 0 free; 1 held; 2 held, and the loop thread sleeps until it is given back,
/// which only take() does. Taken with acquire, given back with release: what it guards goes along
/// with it. try_take() and give_back_and_look() are seq_cst besides: a stop() elsewhere closes the
/// inbox and then tries to take the lock; the loop gives the lock back and then looks whether the
/// inbox is closed. So a stop() that finds it held may leave the waiters to the loop.
class drain_lock {
 public:
  bool try_take() noexcept {
    std::uint32_t free = 0;
    // pairs with give_back_and_look(). (Success would do with acquire, but compilers warn of a
    // stronger failure.)
    return state_.compare_exchange_strong(free, 1, std::memory_order_seq_cst,
                                          std::memory_order_seq_cst);
  }

  /// The loop thread: sleeps until it has the lock. False: this is a child, forked by a handler
  /// meanwhile, and the lock is its parent's.
  bool take(const process_mark& process) noexcept {
    while (state_.exchange(2, std::memory_order_acquire) != 0) {  // pairs with give_back()
      if (!futex_wait(state_, 2, no_deadline, process)) return false;
    }
    return true;
  }

  /// An exchange, since the loop's thread may fall asleep for it at any moment.
  void give_back() noexcept {
    if (state_.exchange(0, std::memory_order_release) == 2) wake();  // pairs with take()
  }
  /// The same by the loop, which then looks whether the inbox is closed.
  void give_back_and_look() noexcept {
    if (state_.exchange(0, std::memory_order_seq_cst) == 2) wake();  // pairs with try_take()
  }

 private:
  void wake() noexcept { futex_wake_all(state_); }

  std::atomic<std::uint32_t> state_{0};
};

}  // namespace loopbridge::detail
