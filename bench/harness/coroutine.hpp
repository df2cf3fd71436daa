#pragma once

#include <coroutine>
#include <exception>

namespace bench {

/// A coroutine that waits to be resumed, once, and frees itself at its end.
struct coroutine {
  struct promise_type {
    coroutine get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<> frame;
};

}  // namespace bench
