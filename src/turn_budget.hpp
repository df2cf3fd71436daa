#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace loopbridge::detail {

/// How much of what is queued one turn of the loop runs before I/O is served.
///
/// By time; but looking at the clock costs as much as running two short calls. So a turn of few
/// calls does not look, and a long one looks ever more seldom.
class turn_budget {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds longest{50};

  turn_budget() noexcept = default;
  static turn_budget unlimited() noexcept {
    turn_budget all;
    all.next_look_ = 0;
    return all;
  }

  /// To be asked after each call.
  bool is_spent() noexcept { return ++calls_ == next_look_ && look(); }

 private:
  bool look() noexcept {
    next_look_ += std::min<std::uint64_t>(calls_, 256);
    const clock::time_point now = clock::now();
    if (since_ == clock::time_point{}) since_ = now;
    return now - since_ >= longest;
  }

  std::uint64_t calls_ = 0;
  std::uint64_t next_look_ = 4;
  clock::time_point since_{};
};

}  // namespace loopbridge::detail
