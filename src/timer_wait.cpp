#include "loopbridge/detail/timer_wait.hpp"

#include <uv.h>

#include "loopbridge/detail/blocks.hpp"

namespace loopbridge::detail {

timer_wait::timer_wait(deadline::duration time) noexcept
    : milliseconds_(time <= time.zero()
                        ? 0
                        : static_cast<std::uint64_t>(
                              std::chrono::ceil<std::chrono::milliseconds>(time).count())) {}

void timer_wait::await_suspend(std::coroutine_handle<> task) {
  // Not in the task's frame, which need not wait until libuv lets go of the handle.
  timer_ = make_in_block<uv_timer_t>(nullptr);
  uv_timer_init(loop(), timer_);
  uv_update_time(loop());  // else the time that this turn has taken already counts, too
  timer_->data = this;
  suspended(task);
  uv_timer_start(
      timer_,
      [](uv_timer_t* t) {
        auto& own = *static_cast<timer_wait*>(t->data);
        own.close();
        own.resume();
      },
      milliseconds_, 0);
}

void timer_wait::cancel() noexcept {
  close();
  resume();
}

void timer_wait::close() noexcept {
  uv_close(reinterpret_cast<uv_handle_t*>(timer_),
           [](uv_handle_t* h) { destroy_in_block(reinterpret_cast<uv_timer_t*>(h), nullptr); });
}

}  // namespace loopbridge::detail
