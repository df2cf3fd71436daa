#pragma once

#include <future>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "harness/contender.hpp"
#include "locked_queue.hpp"
#include "uv_loop_thread.hpp"

namespace bench {

/// The way everybody writes it: mutex, deque of std::function, uv_async_send, std::promise.
///
/// It is the baseline, so it gets every advantage of its kind: see its queue; and the promise of a
/// call is the caller's own, not shared.
class naive {
 public:
  static constexpr std::string_view name = "naive";
  static constexpr role is = role::baseline;
  static constexpr std::string_view compiled = "naive.cpp";

  template <class F>
  void post(F&& f) {
    queue_.push(std::forward<F>(f));
    loop_.wake();
  }

  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    std::promise<std::invoke_result_t<F&>> answer;
    auto answered = answer.get_future();
    post([&] { fulfil(answer, f); });
    return answered.get();
  }

  template <class F>
  std::future<std::invoke_result_t<F&>> submit(F f) {
    auto answer = std::make_shared<std::promise<std::invoke_result_t<F&>>>();
    auto answered = answer->get_future();
    post([answer = std::move(answer), f]() mutable { fulfil(*answer, f); });
    return answered;
  }

  template <class F>
  void with_loop(F&& f) {
    call([&] { f(loop_.loop()); });
  }

 private:
  template <class R, class F>
  static void fulfil(std::promise<R>& answer, F& f) {
    try {
      if constexpr (std::is_void_v<R>) {
        f();
        answer.set_value();
      } else {
        answer.set_value(f());
      }
    } catch (...) {
      answer.set_exception(std::current_exception());
    }
  }

  locked_queue queue_;
  uv_loop_thread loop_{[this] { queue_.run_all(); }};
};

}  // namespace bench
