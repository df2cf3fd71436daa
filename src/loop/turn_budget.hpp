#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "platform/platform.hpp"

namespace loopbridge::detail {

/// The clocks that a turn looks at.
struct turn_clock {
  using time_point = std::chrono::steady_clock::time_point;

  static time_point now() noexcept { return std::chrono::steady_clock::now(); }
  static std::uint64_t coarse() noexcept { return platform::coarse_time(); }
};

/// How much of what is queued the loop runs between two looks at I/O.
///
/// By time; but looking at the clock costs as much as running two short calls. So there is no look
/// for a single call. If there are more, the time counts from the second on, and the first look is
/// before the third: long calls end there. While calls are short, the precise clock is looked at
/// once in sixteen, and the coarse one before every second: that sees one that takes some
/// milliseconds. Where calls take so long that sixteen would be too many, the precise one is looked
/// at for each.
template <class Clock>
class basic_turn_budget {
 public:
  using time_point = typename Clock::time_point;
  static constexpr std::chrono::microseconds longest{50};
  static constexpr std::uint64_t short_calls_unseen = 16;

  basic_turn_budget() noexcept = default;
  static basic_turn_budget unlimited() noexcept {
    basic_turn_budget all;
    all.next_look_ = 0;
    return all;
  }

  /// To be asked before each call. Once true, it stays so.
  bool is_spent() noexcept { return ++calls_ == next_look_ && look(); }

  /// For a caller that looks at the clock anyway, between calls: is it spent by now? Time counts
  /// from here at the latest.
  bool is_spent_at(time_point now) noexcept {
    if (since_ == time_point{}) begin(now);
    return now - since_ >= longest;
  }

 private:
  bool look() noexcept {
    if (calls_ != next_precise_look_) {
      const std::uint64_t coarse = Clock::coarse();
      if (coarse == std::exchange(coarse_, coarse)) {
        next_look_ = std::min(calls_ + 2, next_precise_look_);
        return false;
      }
    }
    const time_point now = Clock::now();
    const bool first = since_ == time_point{};
    if (first) begin(now);
    const bool spent = now - since_ >= longest;
    const bool slow = (now - seen_at_) * short_calls_unseen >= longest * (calls_ - seen_);
    next_precise_look_ = calls_ + (first || spent || slow ? 1 : short_calls_unseen);
    next_look_ = std::min(calls_ + 2, next_precise_look_);
    seen_at_ = now;
    seen_ = calls_;
    return spent;
  }

  void begin(time_point now) noexcept {
    since_ = seen_at_ = now;
    coarse_ = Clock::coarse();
  }

  std::uint64_t calls_ = 0;
  std::uint64_t next_look_ = 2;
  std::uint64_t next_precise_look_ = 2;
  time_point since_{};        ///< unset: not looked yet
  std::uint64_t seen_ = 0;    ///< how many calls there were at the last precise look,
  time_point seen_at_{};      ///< and when that was
  std::uint64_t coarse_ = 0;  ///< what the coarse clock showed
};

using turn_budget = basic_turn_budget<turn_clock>;

}  // namespace loopbridge::detail
