#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace bench {

/// The queue that everybody writes: a mutex, held for the push and for the swap only, and a deque
/// of std::function, into which closures of 16 bytes fit without an allocation.
class locked_queue {
 public:
  /// Any thread, which wakes the loop afterwards.
  template <class F>
  void push(F&& f) {
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(std::forward<F>(f));
  }

  /// The loop, when it was woken.
  void run_all() {
    std::deque<std::function<void()>> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(queue_);
    }
    for (std::function<void()>& f : batch) f();
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;  ///< under mutex_
};

}  // namespace bench
