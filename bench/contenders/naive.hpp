#pragma once

#include <uv.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

namespace bench {

/// The way everybody writes it: mutex, deque of std::function, uv_async_send, std::promise.
///
/// It is the baseline, so it gets every advantage of its kind: the lock is held for the push and
/// for the swap only, closures of 16 bytes fit into std::function without an allocation, and the
/// promise is the caller's own, not shared.
class naive {
 public:
  static constexpr std::string_view name = "naive";

  naive() {
    if (uv_loop_init(&loop_) != 0) std::abort();
    if (uv_async_init(&loop_, &wake_,
                      [](uv_async_t* h) { static_cast<naive*>(h->data)->run_all(); }) != 0) {
      std::abort();
    }
    wake_.data = this;
    thread_ = std::thread([this] { uv_run(&loop_, UV_RUN_DEFAULT); });
  }

  ~naive() {
    post([this] { uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr); });
    thread_.join();
    uv_loop_close(&loop_);
  }

  template <class F>
  void post(F&& f) {
    {
      const std::lock_guard lock(mutex_);
      queue_.emplace_back(std::forward<F>(f));
    }
    uv_async_send(&wake_);
  }

  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    std::promise<std::invoke_result_t<F&>> answer;
    auto answered = answer.get_future();
    post([&] {
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
          f();
          answer.set_value();
        } else {
          answer.set_value(f());
        }
      } catch (...) {
        answer.set_exception(std::current_exception());
      }
    });
    return answered.get();
  }

 private:
  void run_all() {
    std::deque<std::function<void()>> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(queue_);
    }
    for (std::function<void()>& f : batch) f();
  }

  uv_loop_t loop_{};
  uv_async_t wake_{};
  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;  ///< under mutex_
  std::thread thread_;
};

}  // namespace bench
