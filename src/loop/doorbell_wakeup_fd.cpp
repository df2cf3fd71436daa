#include <cerrno>
#include <cstdlib>

#include "loop/doorbell.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {
namespace {

/// The descriptor is not ours any more: the program closed it (closefrom(), say), and its number
/// may be another file's by now. A thread that relies on this ring would wait for ever, and the
/// next ring might write into that file. So this ends the process, as uv_async_send does. Any
/// handler.
[[noreturn]] void end_as_broken() noexcept {
  (void)platform::write_all(
      platform::standard_error,
      "loopbridge: the doorbell's descriptor cannot be used: somebody closed it, and it was not "
      "theirs (is there a close() too many, or a closefrom() without exec?)\n");
  std::abort();
}

/// A descriptor of the system's for being woken, polled by the loop.
///
/// It stays open until the object is destroyed, which the core's count puts after the
/// last possible ring: a late ring is a write that nobody reads, never one to a recycled number.
class wakeup_fd_doorbell final : public doorbell_base {
 public:
  ~wakeup_fd_doorbell() override { fd_.close(); }

  int open(uv_loop_t* loop) noexcept override {
    if (const int error = fd_.open(); error != 0) return uv_translate_sys_error(error);
    if (const int error = uv_poll_init(loop, &poll_, fd_.fd()); error != 0) return error;
    initialized_ = true;
    poll_.data = static_cast<doorbell_base*>(this);
    return uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int status, int) {
      auto& self = *static_cast<wakeup_fd_doorbell*>(static_cast<doorbell_base*>(poll->data));
      // In a child that runs an adopted loop on: the descriptor is shared, the ring the parent's.
      if (!self.process_.is_this_process()) return (void)uv_poll_stop(poll);
      if (status < 0) end_as_broken();
      if (self.wakes_by_edges_) return;  // there is nothing to silence
      // Before the list is taken. An adopted loop may sleep in another loop right after its
      // iteration, and a ring that is read after the list was taken would be forgotten. (Our own
      // loop looks again.)
      self.fd_.silence();
      self.wakes_by_edges_ = self.fd_.wake_by_edges(uv_backend_fd(poll->loop));
    });
  }

  uv_handle_t* handle() noexcept override {
    return initialized_ ? reinterpret_cast<uv_handle_t*>(&poll_) : nullptr;
  }

  void ring() noexcept override {
    const int saved_errno = errno;
    int error = EINTR;
    while (error == EINTR && process_.is_this_process()) error = fd_.ring();
    if (error != 0 && error != EINTR) end_as_broken();
    errno = saved_errno;
  }

  void close(uv_close_cb on_closed) noexcept override { close_own(handle(), theirs, on_closed); }

  bool handler_may_wait() const noexcept override { return true; }

 private:
  platform::wakeup_fd fd_;
  bool initialized_ = false;
  bool wakes_by_edges_ = false;  ///< loop thread
  uv_poll_t poll_{};
};

}  // namespace

std::unique_ptr<doorbell_base> make_wakeup_fd_doorbell() {
  return std::make_unique<wakeup_fd_doorbell>();
}

}  // namespace loopbridge::detail
