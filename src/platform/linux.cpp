#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "platform/platform.hpp"

namespace loopbridge::detail::platform {

// syscall() and not a libc wait: nothing that takes a lock, and no pthread_cancel in the middle.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
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

void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  const int saved_errno = errno;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  errno = saved_errno;
}

void* map_wiped_in_children(std::size_t size) {
  void* const memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "loopbridge: mmap of one page");
  }
  (void)madvise(memory, size, MADV_WIPEONFORK);
  return memory;
}

void unmap(void* memory, std::size_t size) noexcept {
  munmap(memory, size);
}

int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept {
  return pthread_atfork(before, in_parent, in_child);
}

// strerrordesc_np: unlike strerror neither translated nor allocated, and glibc says that it is
// async-signal-safe. musl has none.
const char* error_text([[maybe_unused]] int number) noexcept {
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 32)
  return strerrordesc_np(number);
#else
  return nullptr;
#endif
#else
  return nullptr;
#endif
}

}  // namespace loopbridge::detail::platform
