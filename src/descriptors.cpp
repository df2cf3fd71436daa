#include "descriptors.hpp"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <system_error>
#include <utility>

namespace loopbridge::detail {
namespace {

void close_keeping_errno(int fd) noexcept {
  const int error = errno;
  close(fd);
  errno = error;
}

/// Takes those that are free; one bit for each.
unsigned take_standard_streams() noexcept {
#ifdef O_PATH
  constexpr int nothing = O_PATH | O_CLOEXEC;  // reading and writing fail as from what is closed
#else
  constexpr int nothing = O_RDONLY | O_CLOEXEC;
#endif
  const int error = errno;
  unsigned taken = 0;
  for (;;) {
    const int fd = open("/", nothing);
    if (fd >= 0 && fd <= STDERR_FILENO) {
      taken |= 1U << fd;
      continue;
    }
    if (fd >= 0) close(fd);
    errno = error;
    return taken;
  }
}

void give_standard_streams_back(unsigned taken) noexcept {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if ((taken >> fd & 1U) != 0) close_keeping_errno(fd);
  }
}

/// By the fork that the calling thread is in.
constinit thread_local unsigned taken_for_fork = 0;
std::atomic<bool> taken_in_forks{false};

}  // namespace

int above_standard_streams(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close_keeping_errno(fd);
  return moved;
}

int open_pipe(int (&fds)[2]) noexcept {
#ifdef __APPLE__  // has none that is close-on-exec at once
  if (pipe(fds) != 0) return errno;
  for (const int fd : fds) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
#else
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return errno;
#endif
  for (int& fd : fds) fd = above_standard_streams(fd);
  if (fds[0] >= 0 && fds[1] >= 0) return 0;
  const int error = errno;
  for (const int fd : fds) {
    if (fd >= 0) close(fd);
  }
  return error;
}

standard_streams_taken::standard_streams_taken() noexcept : taken_(take_standard_streams()) {}

standard_streams_taken::~standard_streams_taken() {
  give_standard_streams_back(taken_);
}

/// libuv's pthread_atfork handler for children closes its pipe, which aborts for a 0, 1 or 2, and
/// opens another. So they are taken before the fork. They are given back in the child by a handler
/// that comes after libuv's, since that was registered before: by the first uv_loop_init().
void take_standard_streams_in_forks() {
  if (taken_in_forks.exchange(true)) return;
  const auto give_back = [] { give_standard_streams_back(std::exchange(taken_for_fork, 0)); };
  const int error =
      pthread_atfork([] { taken_for_fork |= take_standard_streams(); }, give_back, give_back);
  if (error == 0) return;
  taken_in_forks = false;
  throw std::system_error(error, std::generic_category(), "loopbridge: pthread_atfork");
}

}  // namespace loopbridge::detail
