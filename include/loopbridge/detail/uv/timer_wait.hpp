#pragma once

#include <chrono>

#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/detail/sync/deadline.hpp"

struct uv_timer_s;

namespace loopbridge::detail {

/// co_await of a timer: see loopbridge::delay. Nothing here needs libuv's header.
class timer_wait : public users_awaiter {
 public:
  explicit timer_wait(deadline::duration time) noexcept : time_(time) {}
  virtual ~timer_wait() = default;

  void await_suspend(std::coroutine_handle<> task);
  void await_resume() const { scope().throw_if_cancelled(); }
  void cancel() noexcept override;

 private:
  void close() noexcept;

  const deadline::duration time_;
  uv_timer_s* timer_ = nullptr;
};

/// How long it is until then, from now; for no_deadline: as long as can be said.
inline deadline::duration time_until(deadline due) noexcept {
  return due == no_deadline ? (deadline::duration::max)() : due - std::chrono::steady_clock::now();
}

}  // namespace loopbridge::detail
