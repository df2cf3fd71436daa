#include "loopbridge/results/ready_descriptor.hpp"

#include <atomic>
#include <cerrno>
#include <system_error>

#include "platform/platform.hpp"

namespace loopbridge::detail {

/// Shared by the call, until it has rung, and the ready_descriptor. The last of the two frees it.
/// The descriptor closes with the ready_descriptor, because loops poll by its number.
class descriptor_signal final : public completion_callback {
 public:
  descriptor_signal() {
    const int error = fd_.open();
    if (error == 0) return;
    fd_.close();
    throw std::system_error(error, std::generic_category(),
                            "loopbridge: no descriptor for a result; raise the limit (ulimit -n) "
                            "or wait with eventual::get_for()");
  }

  int fd() const noexcept { return fd_.fd(); }

  /// By the call, when it is done.
  void notify() noexcept override {
    state before = nobody_yet;
    if (state_.compare_exchange_strong(before, ringing)) {
      const int error = errno;  // of the thread that completes, which may be a user's
      while (fd_.ring() == EINTR) {
      }
      errno = error;
      before = ringing;
      if (state_.compare_exchange_strong(before, rung)) return;
      fd_.close();
    }
    delete this;  // closed already, or it was left to us
  }

  /// By the ready_descriptor, when it goes.
  void let_go() noexcept {
    platform::wakeup_fd fd = fd_;  // the call may free this as soon as it is `closed`
    const state before = state_.exchange(closed);
    if (before == ringing) return;  // it closes when it has rung
    if (before == rung) delete this;
    fd.close();
  }

 private:
  platform::wakeup_fd fd_;
  /// Home: nobody_yet -> ringing -> rung by the call; closed, from each, by the ready_descriptor.
  /// Each of the two frees it if the other has come to its end. If it finds the other at work, it
  /// leaves that to the other. Default orders.
  enum state : unsigned char { nobody_yet, ringing, rung, closed };
  std::atomic<state> state_{nobody_yet};
};

signal_ptr ring_when_done(call_base& call) {
  signal_ptr bell(new descriptor_signal);
  call.on_completion(*bell);
  return bell;
}

int descriptor_of(const descriptor_signal& bell) noexcept {
  return bell.fd();
}

void release_signal::operator()(descriptor_signal* bell) const noexcept {
  bell->let_go();
}

}  // namespace loopbridge::detail
