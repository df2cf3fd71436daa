#pragma once

#include <coroutine>
#include <optional>

#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/uv/fd_watcher.hpp"

namespace loopbridge {
namespace detail {

/// co_await of a descriptor: see below.
class descriptor_wait : public users_awaiter {
 public:
  void await_suspend(std::coroutine_handle<> task);
  void await_resume() const;
  void cancel() noexcept override;

 protected:
  descriptor_wait(int fd, fd_interest what) noexcept : fd_(fd), what_(what) {}
  ~descriptor_wait() = default;

 private:
  const int fd_;
  const fd_interest what_;
  int error_ = 0;
  std::optional<fd_watcher> watcher_;
};

}  // namespace detail

/// `co_await readable(fd)`, in a task: goes on when reading from `fd` does not block. A connection
/// that is refused, reset or closed is readable, so that the task reads the error. Two tasks may
/// wait at one descriptor, one for each direction. The descriptor becomes non-blocking.
/// Throws   std::system_error with uv_category(), as fd_watcher::watch(); UV_EBADF also if the
///          socket is closed meanwhile. `cancelled`, at once, when the task is cancelled;
///          std::bad_alloc
class readable final : public detail::descriptor_wait {
 public:
  explicit readable(int fd) noexcept : descriptor_wait(fd, fd_interest::read) {}
};

/// The same for writing; of a socket that connects: when it is connected, or refused.
class writable final : public detail::descriptor_wait {
 public:
  explicit writable(int fd) noexcept : descriptor_wait(fd, fd_interest::write) {}
};

}  // namespace loopbridge
