#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace bench {

/// An event that is set once: the cheapest way to wait for another thread that there is without
/// spinning. What contenders without an answer of their own are given, and the measures themselves
/// use: no contender is to look slow by the bench's way of waiting.
class one_event {
 public:
  void set() noexcept {
    // Once it is set the waiter may return and the word be gone; a wake-up of whoever has come to
    // live there is allowed for by every user of futexes.
    if (word_.exchange(1, std::memory_order_release) == sleeping) {
      syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }
  }
  void wait() noexcept {
    std::uint32_t now = unset;
    if (!word_.compare_exchange_strong(now, sleeping, std::memory_order_acquire)) return;
    while (word_.load(std::memory_order_acquire) == sleeping) {
      syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, sleeping, nullptr, nullptr, 0);
    }
  }
  bool is_set() const noexcept { return word_.load(std::memory_order_acquire) == 1; }

 private:
  static constexpr std::uint32_t unset = 0, sleeping = 2;
  std::atomic<std::uint32_t> word_{unset};
};

}  // namespace bench
