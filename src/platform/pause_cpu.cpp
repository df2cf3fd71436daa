#include "platform/platform.hpp"

namespace loopbridge::detail::platform {

void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // as long as x86's pause; yield does nothing on most
#endif
}

}  // namespace loopbridge::detail::platform
