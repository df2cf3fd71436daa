#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "platform/platform.hpp"

// A pipe, for systems without an eventfd: not in the library on Linux, where
// test/faults/doorbell_pipe_test.cpp runs it.
namespace loopbridge::detail::platform {

int wakeup_fd::open() noexcept {
  int fds[2];
  if (pipe(fds) != 0) return errno;
  int error = 0;
  for (int& fd : fds) {
    // The best there is without pipe2(): an exec on another thread may come in between.
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fd = above_standard_streams(fd);
    if (fd < 0) error = errno;
  }
  read_fd_ = fds[0];
  write_fd_ = fds[1];
  return error;
}

void wakeup_fd::close() noexcept {
  for (const int fd : {read_fd_, write_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

int wakeup_fd::ring() noexcept {
  const cancellation_disabled writing;
  const char one = 1;
  if (write(write_fd_, &one, 1) >= 0) return 0;
  return errno == EAGAIN ? 0 : errno;  // full, so it is readable, which is all that a ring wants
}

void wakeup_fd::silence() noexcept {
  char drained[512];
  ssize_t got;
  do {
    got = read(read_fd_, drained, sizeof(drained));
  } while (got == sizeof(drained) || (got < 0 && errno == EINTR));
}

bool wakeup_fd::wake_by_edges(int) noexcept {
  return false;
}

}  // namespace loopbridge::detail::platform
