#pragma once

#include <chrono>

#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/uv/timer_wait.hpp"

namespace loopbridge {

/// `co_await delay(20ms)`, in a task: goes on after at least that long, by the loop's clock. A
/// delay of zero or less ends in a later iteration: after a millisecond where a timer has let the
/// task go on, else at once. libuv's timers count whole milliseconds, so
/// the time is rounded up; by a finer clock it may end a part of one early.
/// Throws   `cancelled`, at once, when the task is cancelled; std::bad_alloc
class delay final : public detail::timer_wait {
 public:
  explicit delay(detail::no_duration) noexcept;  // wrong, and says so
  template <class Rep, class Period>
  explicit delay(std::chrono::duration<Rep, Period> time) noexcept
      : timer_wait(detail::time_until(detail::deadline_after(time))) {}
};

}  // namespace loopbridge
