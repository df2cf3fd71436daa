#pragma once

#include <chrono>

namespace loopbridge::detail {

/// A point on the monotonic clock, which no clock step moves.
using deadline = std::chrono::steady_clock::time_point;

inline constexpr deadline no_deadline = (deadline::max)();

/// `timeout` from now. Negative timeouts are over at once; ones too long for the clock never are.
/// Any thread, any handler.
template <class Rep, class Period>
deadline deadline_after(std::chrono::duration<Rep, Period> timeout) noexcept {
  using seconds = std::chrono::duration<double>;
  const deadline now = std::chrono::steady_clock::now();
  if (timeout <= timeout.zero()) return now;
  // Compared as floating point, because hours::max() overflows the clock's own unit.
  if (seconds(timeout) >= seconds(no_deadline - now)) return no_deadline;
  return now + std::chrono::ceil<deadline::duration>(timeout);
}

}  // namespace loopbridge::detail
