#pragma once

#include <uv.h>

#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/outcome.hpp"
#include "loopbridge/detail/uv/uv_request.hpp"

namespace loopbridge {

/// `co_await queue_work(f)`, in a task: runs f() and gives what it returns. For what would block
/// the loop.
///
/// Thread   f runs on one of libuv's worker threads (uv_queue_work). It is kept in the task's
///          frame, called once as an rvalue, and destroyed on the loop thread.
/// Throws   what f throws; std::system_error with uv_category() if libuv refuses; `cancelled` when
///          the task is cancelled. If f has not begun then, it never runs. Else f is waited for,
///          and its result dropped. f may look at the task's stop token: see stop_token_of_task().
template <class F>
class queue_work final : public detail::uv_request<uv_work_t> {
  static_assert(std::is_invocable_v<F>,
                "queue_work() calls the function with nothing: put arguments into a lambda");
  using result = std::invoke_result_t<F>;

 public:
  explicit queue_work(F f) : f_(std::move(f)) {}

  bool await_suspend(std::coroutine_handle<>) noexcept {
    return begun(uv_queue_work(
        loop(), &request_,
        [](uv_work_t* w) {
          auto& own = static_cast<queue_work&>(queue_work::of(w));
          own.outcome_.capture([&]() -> result { return std::move(own.f_)(); });
        },
        &queue_work::done));
  }
  result await_resume() {
    throw_if_failed("queue_work");
    return outcome_.take({});
  }

 private:
  F f_;
  detail::outcome<result> outcome_;
};

template <class F>
queue_work(F) -> queue_work<F>;

}  // namespace loopbridge
