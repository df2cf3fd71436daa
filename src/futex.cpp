#include "loopbridge/detail/futex.hpp"

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

#include "loopbridge/interruption.hpp"

namespace loopbridge::detail {

#ifdef __linux__

// syscall() and not a libc wait: nothing that takes a lock, and no pthread_cancel in the middle.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until,
                const process_mark& process, const interruption* by) noexcept {
  const std::atomic<std::uint32_t>& lot = process_mark::parking_lot(&word);
  if (by != nullptr) by->sleeps_in(process_mark::number_of(lot));
  // Before both looks. Is it the number that a waker has left, or a later one, then we see what it
  // has changed: acquire, pairs with wake(). Is it an older one, then the kernel, which compares
  // under a lock that the waker's call takes too, finds it changed, or the waker finds the sleeper.
  // (It would be the same again after 2^31 wakes.) Is it a child's, we see that we are in one.
  const std::uint32_t number = lot.load(std::memory_order_acquire);
  if (!process.is_this_process()) return false;
  if (word.load(std::memory_order_relaxed) != expected) return true;
  if (by != nullptr && by->is_tripped()) return true;
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
  syscall(SYS_futex, &lot, FUTEX_WAIT_BITSET_PRIVATE, number, timeout, nullptr,
          FUTEX_BITSET_MATCH_ANY);
  errno = saved_errno;
  return true;
}

namespace {
void wake(std::atomic<std::uint32_t>& lot) noexcept {
  lot.fetch_add(2, std::memory_order_release);  // pairs with futex_wait()
  const int saved_errno = errno;
  syscall(SYS_futex, &lot, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  errno = saved_errno;
}
}  // namespace

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  wake(process_mark::parking_lot(&word));
}

void futex_wake_lot(std::size_t number) noexcept {
  wake(process_mark::lot_at(number));
}

#else

// No futex: look again every few milliseconds. poll() is async-signal-safe everywhere.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until,
                const process_mark& process, const interruption* by) noexcept {
  if (!process.is_this_process()) return false;
  if (by != nullptr && by->is_tripped()) return true;
  const int saved_errno = errno;
  const auto left = until - std::chrono::steady_clock::now();
  if (word.load(std::memory_order_relaxed) == expected && left > left.zero()) {
    poll(nullptr, 0, left > std::chrono::milliseconds(2) ? 2 : 1);
  }
  errno = saved_errno;
  return true;
}

void futex_wake_all(const std::atomic<std::uint32_t>&) noexcept {}
void futex_wake_lot(std::size_t) noexcept {}

#endif

}  // namespace loopbridge::detail
