#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

namespace loopbridge::detail {

/// While it stands, the calling thread is in the callback of a timer of ours.
class timer_callback {
 public:
  timer_callback() noexcept : is_nested_(std::exchange(runs_, true)) {}
  ~timer_callback() { runs_ = is_nested_; }
  timer_callback(const timer_callback&) = delete;
  timer_callback& operator=(const timer_callback&) = delete;

  /// What uv_timer_start() is given for `time`: rounded up.
  ///
  /// Before 1.45 libuv fires a timer of no time in the iteration whose timers are being fired. One
  /// that is started so again and again in timers' callbacks would never let that iteration end.
  static std::uint64_t timeout_of(std::chrono::nanoseconds time) noexcept {
    if (time <= time.zero()) return runs_ ? 1 : 0;
    return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
  }

 private:
  static constinit inline thread_local bool runs_ = false;

  const bool is_nested_;
};

}  // namespace loopbridge::detail
