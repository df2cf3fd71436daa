#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>
#include <utility>

#include "platform/platform.hpp"

namespace loopbridge::detail::platform {
namespace {

void close_keeping_errno(int fd) noexcept {
  const int error = errno;
  ::close(fd);
  errno = error;
}

/// Takes those that are free; one bit for each.
unsigned take_standard_streams() noexcept {
  const int error = errno;
  unsigned taken = 0;
  for (;;) {
    const int fd = ::open("/", O_PATH | O_CLOEXEC);  // reading, writing fail as from what is closed
    if (fd >= 0 && fd <= STDERR_FILENO) {
      taken |= 1U << fd;
      continue;
    }
    if (fd >= 0) ::close(fd);
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

int duplicate(int fd) noexcept {
  // Not by fcntl: see try_descriptors().
  const int free = above_standard_streams(::open("/", O_PATH | O_CLOEXEC));
  if (free < 0) return free;
  const int made = ::dup3(fd, free, O_CLOEXEC);
  if (made < 0) close_keeping_errno(free);
  return made;
}

std::uint64_t number_of_socket(int fd) noexcept {
  struct stat file{};
  return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

int try_descriptors(unsigned count) noexcept {
  std::array<int, 8> opened;
  unsigned n = 0;
  int error = 0;
  while (n < std::min<std::size_t>(count, opened.size()) && error == 0) {
    // The cheapest file there is: to open pipes took a fifth of a bridge's making. Not by fcntl:
    // ThreadSanitizer does not see it, and takes the number for the descriptor that had it before.
    opened[n] = open("/", O_PATH | O_CLOEXEC);
    if (opened[n] < 0) {
      error = errno;
    } else {
      ++n;
    }
  }
  while (n > 0) ::close(opened[--n]);
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
      at_fork([] { taken_for_fork |= take_standard_streams(); }, give_back, give_back);
  if (error == 0) return;
  taken_in_forks = false;
  throw std::system_error(error, std::generic_category(), "loopbridge: pthread_atfork");
}

bool is_readable(int fd) noexcept {
  pollfd events{fd, POLLIN, 0};
  return poll(&events, 1, 0) > 0;
}

int write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int open_to_append(const char* path) noexcept {
  return above_standard_streams(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
}

void close(int fd) noexcept {
  ::close(fd);
}

}  // namespace loopbridge::detail::platform
