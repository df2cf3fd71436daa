#pragma once

#include <chrono>
#include <thread>

namespace support {

/// How long a test waits for what must happen. Long, because it only costs time when it fails.
inline constexpr auto generous = std::chrono::seconds(20);

/// Waits for it, looking again and again; false: it did not come true.
template <class Condition>
[[nodiscard]] bool comes_true(Condition&& condition) {
  const auto until = std::chrono::steady_clock::now() + generous;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace support
