#pragma once

#include <uv.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "replying.hpp"

namespace bench {

/// A libuv loop in a thread with one uv_async_t, for the contenders that differ in their queue
/// only. Declare it after the queue: its destructor lets the loop drain that once more.
class uv_loop_thread {
 public:
  explicit uv_loop_thread(std::function<void()> drain) : drain_(std::move(drain)) {
    abort_unless(uv_loop_init(&loop_) == 0 && uv_async_init(&loop_, &async_, woken) == 0);
    async_.data = this;
    thread_ = std::thread([this] { uv_run(&loop_, UV_RUN_DEFAULT); });
  }
  ~uv_loop_thread() {
    closing_ = true;
    wake();
    thread_.join();
    abort_unless(uv_loop_close(&loop_) == 0);
  }
  uv_loop_thread(const uv_loop_thread&) = delete;
  uv_loop_thread& operator=(const uv_loop_thread&) = delete;

  void wake() { uv_async_send(&async_); }
  uv_loop_t* loop() { return &loop_; }

 private:
  static void woken(uv_async_t* handle) {
    auto* const self = static_cast<uv_loop_thread*>(handle->data);
    // Read first, drained after: what was posted before the destructor ran is seen.
    const bool closing = self->closing_;
    self->drain_();
    if (closing) uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
  }

  const std::function<void()> drain_;
  std::atomic<bool> closing_{false};
  uv_loop_t loop_{};
  uv_async_t async_{};
  std::thread thread_;
};

}  // namespace bench
