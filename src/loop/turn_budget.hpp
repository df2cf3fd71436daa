#pragma once

#include <chrono>
#include <cstdint>

#include "platform/platform.hpp"

namespace loopbridge::detail {

/// The clocks that a turn looks at.
struct turn_clock {
  using time_point = std::chrono::steady_clock::time_point;

  static time_point now() noexcept { return std::chrono::steady_clock::now(); }
  static std::uint64_t ticks() noexcept { return platform::tick_count(); }
};

/// How much of what is queued the loop runs between two looks at I/O.
///
/// By time; but looking at the clock costs as much as running two short calls. So there is no look
/// for a single call. If there are more, the time counts from the second on. From the third on the
/// processor's counter is read before every second call, which the processor does beside the calls
/// themselves; the clock is looked at only where the counter says that the time is up. It has the
/// last word, and from it the budget learns how far the counter goes in that time. (In case a
/// counter cannot be trusted, the clock is looked at once in 1024 calls, too.)
template <class Clock>
class basic_turn_budget {
 public:
  using time_point = typename Clock::time_point;
  static constexpr std::chrono::microseconds longest{50};

  basic_turn_budget() noexcept = default;
  static basic_turn_budget unlimited() noexcept {
    basic_turn_budget all;
    all.next_look_ = 0;
    return all;
  }

  /// There was a look at I/O: all of it may be spent again.
  void renew() noexcept {
    calls_ = 0;
    next_look_ = 2;
    since_ = {};
  }

  /// To be asked before each call. Once true, it stays so until it is renewed.
  bool is_spent() noexcept { return ++calls_ == next_look_ && look(); }

  /// For a caller that looks at the clock anyway, between calls: is it spent by now? Time counts
  /// from here at the latest.
  bool is_spent_at(time_point now) noexcept {
    if (since_ == time_point{}) begin(now);
    return now - since_ >= longest;
  }

 private:
  bool look() noexcept {
    if (since_ == time_point{}) {
      begin(Clock::now());
      next_look_ = calls_ + 1;
      return false;
    }
    const std::uint64_t ticks = Clock::ticks() - ticks_since_;
    next_look_ = calls_ + 2;
    if (ticks < ticks_that_last_ && calls_ % 1024 > 1) return false;
    const auto passed = Clock::now() - since_;
    if (passed < longest) return false;
    using fraction = std::chrono::duration<double, std::nano>;
    ticks_that_last_ = static_cast<std::uint64_t>(static_cast<double>(ticks) *
                                                  (fraction(longest) / fraction(passed)));
    next_look_ = calls_ + 1;
    return true;
  }

  void begin(time_point now) noexcept {
    since_ = now;
    ticks_since_ = Clock::ticks();
  }

  std::uint64_t calls_ = 0;
  std::uint64_t next_look_ = 2;
  time_point since_{};  ///< unset: not looked yet
  std::uint64_t ticks_since_ = 0;
  std::uint64_t ticks_that_last_ = 0;  ///< as long as the budget; 0: not known yet
};

using turn_budget = basic_turn_budget<turn_clock>;

}  // namespace loopbridge::detail
