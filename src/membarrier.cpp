#include "loopbridge/detail/lane_ring.hpp"

#ifdef __linux__
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(SYS_membarrier) && __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#define LOOPBRIDGE_HAS_MEMBARRIER 1
#endif
#endif

namespace loopbridge::detail {

#ifdef LOOPBRIDGE_HAS_MEMBARRIER

namespace {
bool barrier(int command) noexcept {
  const int saved_errno = errno;
  const bool done = syscall(SYS_membarrier, command, 0, 0) == 0;
  errno = saved_errno;
  return done;
}
}  // namespace

bool can_fence_all_threads() noexcept {
  static const bool registered = barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

bool fence_all_threads() noexcept {
  return barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

#else

bool can_fence_all_threads() noexcept {
  return false;
}
bool fence_all_threads() noexcept {
  return false;
}

#endif

}  // namespace loopbridge::detail
