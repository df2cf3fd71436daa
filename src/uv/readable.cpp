#include "loopbridge/uv/readable.hpp"

#include <string>

#include "loopbridge/uv/error.hpp"

namespace loopbridge::detail {

void descriptor_wait::await_suspend(std::coroutine_handle<>) {
  watcher_.emplace(loop_ref(loop()), [this](fd_events seen) {
    error_ = seen.error;
    watcher_.reset();
    scope().resume();
  });
  watcher_->watch(fd_, what_);
  suspended();
}

void descriptor_wait::await_resume() const {
  scope().throw_if_cancelled();
  if (error_ == 0) return;
  throw_uv_error(error_, "descriptor " + std::to_string(fd_) +
                             " was closed while a task waited for it; cancel the task first");
}

void descriptor_wait::cancel() noexcept {
  watcher_.reset();
  scope().resume();
}

}  // namespace loopbridge::detail
