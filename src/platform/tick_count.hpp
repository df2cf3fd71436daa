#pragma once

#include <chrono>
#include <cstdint>

// Included by platform.hpp, which says what this does. Not a function of a source file: the loop
// asks before every second callable.
namespace loopbridge::detail::platform {

inline std::uint64_t tick_count() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

}  // namespace loopbridge::detail::platform
