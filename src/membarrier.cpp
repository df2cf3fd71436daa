#include <cstdlib>

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

void fence_all_threads() noexcept {
  if (!can_fence_all_threads() || barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  static constexpr char message[] =
      "loopbridge: membarrier() does not work any more, which a lane relies on (is there a seccomp "
      "filter that came after the first lane's posts, and does not allow it?)\n";
  (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
  std::abort();
}

#else

bool can_fence_all_threads() noexcept {
  return false;
}
void fence_all_threads() noexcept {}

#endif

}  // namespace loopbridge::detail
