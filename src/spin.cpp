#include "loopbridge/detail/spin.hpp"

#include <errno.h>
#include <sched.h>

namespace loopbridge::detail {

int current_cpu() noexcept {
#ifdef __linux__
  // No system call: the kernel keeps it up to date in the thread's memory. Where it does not, and
  // the call is forbidden, too, a handler must find its errno as it was.
  const int saved_errno = errno;
  const int cpu = sched_getcpu();
  errno = saved_errno;
  return cpu;
#else
  return -1;
#endif
}

void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // as long as x86's pause; yield does nothing on most
#endif
}

void yield_cpu() noexcept {
  const int saved_errno = errno;
  sched_yield();
  errno = saved_errno;
}

}  // namespace loopbridge::detail
