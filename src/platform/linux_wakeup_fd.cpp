#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/platform.hpp"

// An eventfd.
namespace loopbridge::detail::platform {

int wakeup_fd::open() noexcept {
  read_fd_ = write_fd_ = above_standard_streams(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  return read_fd_ < 0 ? errno : 0;
}

void wakeup_fd::close() noexcept {
  if (read_fd_ >= 0) ::close(read_fd_);
}

int wakeup_fd::ring() noexcept {
  const std::uint64_t one = 1;
  // Not write(): that is a cancellation point, and a thread cancelled in it is one that never gets
  // to say that it has rung.
  if (syscall(SYS_write, write_fd_, &one, sizeof(one)) >= 0) return 0;
  if (errno != EAGAIN) return errno;
  // Full, and not by our doing, so this was no edge. What is read away here was an edge that the
  // poller may not have seen; the next write is one for both.
  std::uint64_t held;
  (void)!syscall(SYS_read, read_fd_, &held, sizeof(held));
  return EINTR;
}

void wakeup_fd::silence() noexcept {
  std::uint64_t held;
  ssize_t got;
  do {
    got = read(read_fd_, &held, sizeof(held));  // one read empties it
  } while (got < 0 && errno == EINTR);
}

// A system call less for each sleep. libuv has no way to ask for it, but registers a descriptor
// once, and leaves it so.
bool wakeup_fd::wake_by_edges(int poller) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = read_fd_;  // as libuv has it
  // A ring since the last silence() is not lost: the kernel looks at the descriptor anew.
  return epoll_ctl(poller, EPOLL_CTL_MOD, read_fd_, &event) == 0;
}

}  // namespace loopbridge::detail::platform
