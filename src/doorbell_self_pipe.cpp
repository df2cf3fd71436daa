#include <errno.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "descriptors.hpp"
#include "doorbell.hpp"
#include "loopbridge/detail/own_handle.hpp"

// The pipe can be asked for, so that it is tested where there is an eventfd.
#if defined(__linux__) && !defined(LOOPBRIDGE_DOORBELL_IS_A_PIPE)
#define LOOPBRIDGE_HAS_EVENTFD 1
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace loopbridge::detail {
namespace {

/// The descriptor is not ours any more: the program closed it (closefrom(), say), and its number
/// may be another file's by now. Whoever relies on this ring would wait for ever, and the next ring
/// might write into that file, so this is the end, as it is in uv_async_send. Any handler.
[[noreturn]] void end_as_broken() noexcept {
  static constexpr char message[] =
      "loopbridge: the doorbell's descriptor cannot be used: somebody closed it, and it was not "
      "theirs (is there a close() too many, or a closefrom() without exec?)\n";
  (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
  std::abort();
}

/// An eventfd on Linux, a non-blocking pipe elsewhere, polled by the loop.
///
/// The descriptors stay open until the object is destroyed, which the core's count puts after the
/// last possible ring: a late ring is a write that nobody reads, never one to a recycled number.
class self_pipe final : public doorbell_base {
 public:
  ~self_pipe() override {
    if (read_fd_ >= 0) ::close(read_fd_);
    if (write_fd_ >= 0 && write_fd_ != read_fd_) ::close(write_fd_);
  }

  int open(uv_loop_t* loop) noexcept override {
    if (const int error = open_descriptors(); error != 0) return error;
    if (const int error = uv_poll_init(loop, &poll_, read_fd_); error != 0) return error;
    initialized_ = true;
    poll_.data = static_cast<doorbell_base*>(this);
    return uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int status, int) {
      auto& self = *static_cast<self_pipe*>(static_cast<doorbell_base*>(poll->data));
      // In a child that runs an adopted loop on: the descriptor is shared, the ring the parent's.
      if (!self.process_.is_this_process()) return (void)uv_poll_stop(poll);
      if (status < 0) end_as_broken();
      if (self.edge_triggered_) return;  // there is nothing to silence
      // Before the list is taken: an adopted loop may sleep in another loop right after its turn,
      // and a ring that is read after the list was taken would be forgotten. (Our own looks again.)
      self.read_all();
      self.trigger_by_edges();
    });
  }

  uv_handle_t* handle() noexcept override {
    return initialized_ ? reinterpret_cast<uv_handle_t*>(&poll_) : nullptr;
  }

  void ring() noexcept override {
    const int saved_errno = errno;
    while (process_.is_this_process() && !write_once()) {
    }
    errno = saved_errno;
  }

  void close(uv_close_cb on_closed) noexcept override { close_own(handle(), theirs, on_closed); }

  bool handler_may_wait() const noexcept override { return true; }

 private:
  /// False: once more.
  bool write_once() noexcept {
    const std::uint64_t one = 1;  // eight bytes: all that an eventfd takes
#ifdef __linux__
    // Not write(): that is a cancellation point, and a thread cancelled in it is one that never
    // gets to say that it has rung.
    const auto written = syscall(SYS_write, write_fd_, &one, sizeof(one));
#else
    const auto written = write(write_fd_, &one, sizeof(one));
#endif
    if (written >= 0) return true;
    if (errno == EINTR) return false;
    if (errno != EAGAIN) end_as_broken();
#ifdef LOOPBRIDGE_HAS_EVENTFD
    // Full, by somebody else's doing, so this was no edge. What is read away here was an edge that
    // the loop may not have seen; the next write is one for both.
    std::uint64_t held;
    (void)!syscall(SYS_read, read_fd_, &held, sizeof(held));
    return false;
#else
    return true;  // full, so it is readable, which is all that a ring wants
#endif
  }

  /// Makes each write wake the loop without a read in between: a system call less for each sleep.
  /// libuv has no way to ask for it, but registers a descriptor once, and leaves it so.
  void trigger_by_edges() noexcept {
#ifdef LOOPBRIDGE_HAS_EVENTFD
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = read_fd_;  // as libuv has it
    // A ring since the read is not lost: the kernel looks at the descriptor anew.
    edge_triggered_ = epoll_ctl(uv_backend_fd(poll_.loop), EPOLL_CTL_MOD, read_fd_, &event) == 0;
#endif
  }

  int open_descriptors() noexcept {
#ifdef LOOPBRIDGE_HAS_EVENTFD
    read_fd_ = write_fd_ = above_standard_streams(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    return read_fd_ < 0 ? uv_translate_sys_error(errno) : 0;
#else
    int fds[2];
    if (const int error = open_pipe(fds); error != 0) return uv_translate_sys_error(error);
    read_fd_ = fds[0];
    write_fd_ = fds[1];
    return 0;
#endif
  }

  /// Silences the descriptor. The list is looked at after this, in the check phase: the other way
  /// round, a ring between the two would be read away and its call left lying.
  void read_all() noexcept {
    std::uint64_t drained[64];
    ssize_t got;
    do {
      got = read(read_fd_, drained, sizeof(drained));
#ifdef LOOPBRIDGE_HAS_EVENTFD
    } while (got < 0 && errno == EINTR);  // one read empties an eventfd
#else
    } while (got == sizeof(drained) || (got < 0 && errno == EINTR));
#endif
  }

  int read_fd_ = -1;
  int write_fd_ = -1;
  bool initialized_ = false;
  bool edge_triggered_ = false;  ///< loop thread
  uv_poll_t poll_{};
};

}  // namespace

std::unique_ptr<doorbell_base> make_self_pipe() {
  return std::make_unique<self_pipe>();
}

}  // namespace loopbridge::detail
