#include "loopbridge/detail/completion.hpp"

#include <errno.h>
#include <limits.h>

#include <algorithm>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#else
#include <poll.h>
#endif

namespace loopbridge::detail {

#ifdef __linux__

// syscall() and not a libc wait: nothing that takes a lock, and no pthread_cancel in the middle.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline until) noexcept {
  const int saved_errno = errno;
  timespec at{};
  const timespec* timeout = nullptr;
  if (until != no_deadline) {
    const auto since_epoch = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::max(until, deadline{}).time_since_epoch());
    at.tv_sec = static_cast<time_t>(since_epoch.count() / 1'000'000'000);
    at.tv_nsec = static_cast<long>(since_epoch.count() % 1'000'000'000);
    timeout = &at;
  }
  // FUTEX_WAIT_BITSET takes an absolute time on the monotonic clock, which is steady_clock's: an
  // interrupted wait needs no new arithmetic.
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr,
          FUTEX_BITSET_MATCH_ANY);
  errno = saved_errno;
}

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  const int saved_errno = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  errno = saved_errno;
}

#else

// No futex: look again every few milliseconds. poll() is async-signal-safe everywhere.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline until) noexcept {
  const int saved_errno = errno;
  const auto left = until - std::chrono::steady_clock::now();
  if (word.load(std::memory_order_relaxed) == expected && left > left.zero()) {
    poll(nullptr, 0, left > std::chrono::milliseconds(2) ? 2 : 1);
  }
  errno = saved_errno;
}

void futex_wake_all(const std::atomic<std::uint32_t>&) noexcept {}

#endif

bool completion::wait(deadline until, const process_mark* process) noexcept {
  for (;;) {
    std::uint32_t word = word_.load(std::memory_order_acquire);  // pairs with publish()
    if (phase_of(word) == done) return true;
    deadline sleep_until = until;
    if (process != nullptr || until != no_deadline) {
      if (process != nullptr && !process->is_this_process()) return false;
      const deadline now = std::chrono::steady_clock::now();
      if (now >= until) return false;
      if (process != nullptr) sleep_until = std::min(until, now + nap);
    }
    // Relaxed: the mark tells the completer to wake us, and publish() reads it in the operation
    // that makes `done`; if that came first, the exchange fails and we look again.
    if ((word & sleeper_mark) == 0 &&
        !word_.compare_exchange_weak(word, word | sleeper_mark, std::memory_order_relaxed)) {
      continue;
    }
    futex_wait(word_, word | sleeper_mark, sleep_until);
  }
}

}  // namespace loopbridge::detail
