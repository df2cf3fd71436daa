#pragma once

#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/contender.hpp"
#include "uv_loop_thread.hpp"

namespace bench {

/// What an hour of care makes of naive: a vector that keeps its memory, a wake-up only where the
/// queue was empty, an answer by futex on the caller's stack.
class naive_improved : public replying<naive_improved> {
 public:
  static constexpr std::string_view name = "naive improved";
  static constexpr role is = role::peer;

  template <class F>
  void post(F&& f) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      queue_.emplace_back(std::forward<F>(f));
    }
    if (was_empty) loop_.wake();
  }

  template <class F>
  void with_loop(F&& f) {
    call([&] { f(loop_.loop()); });
  }

 private:
  void run_all() {
    {
      const std::lock_guard lock(mutex_);
      batch_.swap(queue_);
    }
    for (std::function<void()>& f : batch_) f();
    batch_.clear();
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> queue_;  ///< under mutex_
  std::vector<std::function<void()>> batch_;  ///< the loop's
  uv_loop_thread loop_{[this] { run_all(); }};
};

}  // namespace bench
