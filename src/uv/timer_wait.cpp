#include "loopbridge/detail/uv/timer_wait.hpp"

#include <uv.h>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "uv/timer_callback.hpp"

namespace loopbridge::detail {
namespace {
struct own_timer : uv_timer_t {
  uv_close_cb theirs = nullptr;  ///< see close_own
};
}  // namespace

void timer_wait::await_suspend(std::coroutine_handle<>) {
  // Not in the task's frame, which need not wait until libuv lets go of the handle.
  timer_ = make_in_block<own_timer>(nullptr);
  uv_timer_init(loop(), timer_);
  uv_update_time(loop());  // else the time that this iteration has taken already counts, too
  timer_->data = this;
  suspended();
  uv_timer_start(
      timer_,
      [](uv_timer_t* t) {
        const timer_callback runs;
        auto& own = *static_cast<timer_wait*>(t->data);
        own.close();
        own.scope().resume();
      },
      timer_callback::timeout_of(time_), 0);
}

void timer_wait::cancel() noexcept {
  close();
  scope().resume();
}

void timer_wait::close() noexcept {
  close_own_block<uv_timer_t>(static_cast<own_timer&>(*timer_));
}

}  // namespace loopbridge::detail
