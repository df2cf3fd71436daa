#include "loopbridge/ready_descriptor.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "descriptors.hpp"

#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace loopbridge::detail {

/// Shared by the call, until it has rung, and the ready_descriptor. Whoever is last of the two
/// frees it; the descriptor closes with the ready_descriptor, because loops poll by its number.
class descriptor_bell final : public watcher {
 public:
  descriptor_bell() {
#ifdef __linux__
    read_fd_ = write_fd_ = above_standard_streams(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (read_fd_ < 0) fail(errno);
#else
    int fds[2];
    if (const int error = open_pipe(fds); error != 0) fail(error);
    read_fd_ = fds[0];
    write_fd_ = fds[1];
#endif
  }

  int fd() const noexcept {
    return read_fd_;
  }

  /// By the call, when it is done.
  void notify() noexcept override {
    state before = nobody_yet;
    if (state_.compare_exchange_strong(before, ringing)) {
      const int error = errno;  // of the thread that completes, which may be a user's
      const std::uint64_t one = 1;
      while (write(write_fd_, &one, sizeof one) < 0 && errno == EINTR) {
      }
      errno = error;
      before = ringing;
      if (state_.compare_exchange_strong(before, rung)) return;
      close_both(read_fd_, write_fd_);
    }
    delete this;  // closed already, or it was left to us
  }

  /// By the ready_descriptor, when it goes.
  void let_go() noexcept {
    const int read_fd = read_fd_;  // the call may free this as soon as it is `closed`
    const int write_fd = write_fd_;
    const state before = state_.exchange(closed);
    if (before == ringing) return;  // it closes when it has rung
    if (before == rung) delete this;
    close_both(read_fd, write_fd);
  }

 private:
  [[noreturn]] static void fail(int error) {
    throw std::system_error(error, std::generic_category(),
                            "loopbridge: no descriptor for a result; raise the limit (ulimit -n) "
                            "or wait with eventual::get_for()");
  }
  static void close_both(int read_fd, int write_fd) noexcept {
    if (write_fd != read_fd) close(write_fd);
    close(read_fd);
  }

  int read_fd_;
  int write_fd_;
  /// Home: nobody_yet -> ringing -> rung by the call; closed, from each, by the ready_descriptor.
  /// Each of the two frees it if the other has come to its end, and who finds the other at work
  /// leaves it to that. Default orders.
  enum state : unsigned char { nobody_yet, ringing, rung, closed };
  std::atomic<state> state_{nobody_yet};
};

bell_ptr ring_when_done(result_base& call) {
  bell_ptr bell(new descriptor_bell);
  call.watch(*bell);
  return bell;
}

int descriptor_of(const descriptor_bell& bell) noexcept {
  return bell.fd();
}

void release_bell::operator()(descriptor_bell* bell) const noexcept {
  bell->let_go();
}

}  // namespace loopbridge::detail
