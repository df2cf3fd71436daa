#pragma once

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace loopbridge::detail {

/// A point on the monotonic clock, which no clock step moves.
using deadline = std::chrono::steady_clock::time_point;

inline constexpr deadline no_deadline = (deadline::max)();
inline constexpr std::chrono::nanoseconds for_ever = (std::chrono::nanoseconds::max)();

/// What a duration means, wherever the library takes one, of any unit and type. One that is not
/// more than zero (negatives and NaN too) is no time at all. One that is longer than the clock can
/// count (292 years: max, infinity) is for ever. All others are rounded up to a nanosecond.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds in_nanoseconds(
    std::chrono::duration<Rep, Period> duration) noexcept {
  using nanoseconds = std::chrono::nanoseconds;
  using unit = std::ratio_divide<Period, std::nano>;
  if (!(duration > duration.zero())) return nanoseconds::zero();  // NaN is not more, nor less
  if constexpr (std::is_integral_v<Rep> && unit::den == 1) {
    using wide = std::common_type_t<Rep, nanoseconds::rep>;
    const auto count = static_cast<wide>(duration.count());
    if (count > static_cast<wide>(for_ever.count() / unit::num)) return for_ever;
    return nanoseconds(static_cast<nanoseconds::rep>(count) * unit::num);
  } else {
    const double count = std::chrono::duration<double, std::nano>(duration).count();
    if (!(count < 0x1p63)) return for_ever;
    const auto whole = static_cast<nanoseconds::rep>(count);
    return nanoseconds(static_cast<double>(whole) < count ? whole + 1 : whole);
  }
}

/// When `span`, which is not negative, is over that began then; or never.
constexpr deadline end_of(deadline begun, std::chrono::nanoseconds span) noexcept {
  return span < no_deadline - begun ? begun + span : no_deadline;
}

/// `timeout` from now. Any thread, any handler.
template <class Rep, class Period>
deadline deadline_after(std::chrono::duration<Rep, Period> timeout) noexcept {
  return end_of(std::chrono::steady_clock::now(), in_nanoseconds(timeout));
}

}  // namespace loopbridge::detail
