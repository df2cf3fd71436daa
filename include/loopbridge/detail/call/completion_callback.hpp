#pragma once

#include <atomic>

namespace loopbridge::detail {

/// Called when a call is done, instead of waking a thread.
class completion_callback {
 public:
  /// Once, on the thread that completes the call (or cancels it, or adds this when it is done
  /// already), after `done`. May free this object and drop the handle. It runs nothing of the
  /// program's: it hands on, mostly to a loop.
  virtual void notify() noexcept = 0;

  completion_callback* next = nullptr;  ///< owned by the call

 protected:
  completion_callback() = default;
  completion_callback(const completion_callback&) = default;
  completion_callback& operator=(const completion_callback&) = default;
  ~completion_callback() = default;
};

/// The callbacks of one call, which may be done at any moment.
///
/// Home of `last_`: the last one that was added, in front of those before it; the sentinel, for
/// good, once they were notified (by the thread that puts it there). Default orders: the
/// notifier sees each callback whole, and a late one sees the outcome.
class completion_callbacks {
 public:
  /// If they were notified already, so is `c`, here.
  void add(completion_callback& c) noexcept {
    completion_callback* last = last_.load();
    do {
      if (last == notified()) return c.notify();
      c.next = last;
    } while (!last_.compare_exchange_weak(last, &c));
  }

  /// All of them, in the order in which they came. The call, and this, may be gone as soon as the
  /// last one is notified.
  void notify_all() noexcept;

 private:
  static completion_callback* notified() noexcept;

  std::atomic<completion_callback*> last_{nullptr};
};

}  // namespace loopbridge::detail
