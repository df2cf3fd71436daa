#include <atomic>
#include <cerrno>
#include <cstdint>

#include "loop/doorbell.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {
namespace {

/// libuv's own doorbell.
///
/// uv_async_send must not meet a handle that is closed, so senders count themselves in, and close()
/// waits until none is inside. Home of `ringers_` and `open_`, all seq_cst: a sender adds itself,
/// then reads `open_`; close() clears `open_`, then reads `ringers_`. One of them sees the other:
/// no send begins after the closing, and those that had begun are over. (close() waits here for a
/// sender that is suspended between the two: one more reason why this is not the doorbell for
/// handlers that wait.)
class uv_async_doorbell final : public doorbell_base {
 public:
  int open(uv_loop_t* loop) noexcept override {
    const int error = uv_async_init(loop, &async_, [](uv_async_t*) {});
    initialized_ = error == 0;
    async_.data = static_cast<doorbell_base*>(this);
    open_.store(initialized_, std::memory_order_seq_cst);  // pairs with ring()
    return error;
  }

  uv_handle_t* handle() noexcept override {
    return initialized_ ? reinterpret_cast<uv_handle_t*>(&async_) : nullptr;
  }

  void ring() noexcept override {
    const int saved_errno = errno;
    // It writes, and a thread that is cancelled in there leaves it shut for all.
    const platform::cancellation_disabled while_sending;
    ringers_.fetch_add(1, std::memory_order_seq_cst);  // this and the next two: pairs with close()
    if (open_.load(std::memory_order_seq_cst) && process_.is_this_process()) {
      uv_async_send(&async_);
    }
    ringers_.fetch_sub(1, std::memory_order_seq_cst);
    errno = saved_errno;
  }

  void close(uv_close_cb on_closed) noexcept override {
    open_.store(false, std::memory_order_seq_cst);  // this and the next: pairs with ring()
    while (ringers_.load(std::memory_order_seq_cst) != 0) platform::yield_cpu();
    close_own(handle(), theirs, on_closed);
  }

  bool handler_may_wait() const noexcept override { return false; }

 private:
  std::atomic<std::uint32_t> ringers_{0};
  std::atomic<bool> open_{false};
  bool initialized_ = false;
  uv_async_t async_{};
};

}  // namespace

std::unique_ptr<doorbell_base> make_uv_async() {
  return std::make_unique<uv_async_doorbell>();
}

std::unique_ptr<doorbell_base> doorbell_base::make(doorbell kind) {
  return kind == doorbell::uv_async ? make_uv_async() : make_wakeup_fd_doorbell();
}

}  // namespace loopbridge::detail
