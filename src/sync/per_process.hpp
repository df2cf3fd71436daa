#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "loopbridge/detail/sync/process_mark.hpp"

namespace loopbridge::detail {

/// One T for the whole process. It is never destroyed, because threads may still use it when main
/// has returned; `at_exit` is called when the process exits, and when a forked child does. A child
/// finds its parent's until it makes one of its own, for a thread that is no more may have left a
/// lock of the parent's held. Any ordinary thread.
///
/// Home of `now_`: null, then the process's own, to stay; in a child the parent's before that. By
/// exchange and without a lock, which a child could find held: of several threads that make one at
/// once all but one destroy theirs unused. Default orders, as for what is rare.
template <class T>
class per_process {
 public:
  constexpr explicit per_process(void (*at_exit)()) noexcept : at_exit_(at_exit) {}

  /// The process's own; in a child that has none its parent's; null: there is none at all.
  T* any() const noexcept {
    held* const now = now_.load();
    return now != nullptr ? &now->value : nullptr;
  }
  /// The process's own, or null.
  T* own() const noexcept {
    held* const now = now_.load();
    return now != nullptr && now->process.is_this_process() ? &now->value : nullptr;
  }
  /// The process's own, made if need be.
  T& get() {
    T* const now = own();
    return now != nullptr ? *now : make().first;
  }
  /// Makes the process's own; or what is there and false, if another thread was first. Throws what
  /// T's constructor throws, std::bad_alloc, and std::system_error of a process_mark.
  template <class... Args>
  std::pair<T&, bool> make(Args&&... args) {
    auto made = std::make_unique<held>(std::forward<Args>(args)...);
    // Before it is there to be used, so that what its users make from now on ends first.
    if (!is_registered_.exchange(true) && std::atexit(at_exit_) != 0) {
      is_registered_ = false;
      throw std::bad_alloc();
    }
    made->parents = now_.load();
    do {
      held* const now = made->parents;
      if (now != nullptr && now->process.is_this_process()) return {now->value, false};
    } while (!now_.compare_exchange_strong(made->parents, made.get()));
    return {made.release()->value, true};
  }

 private:
  struct held {
    template <class... Args>
    explicit held(Args&&... args) : value(std::forward<Args>(args)...) {}
    T value;
    const process_mark process;
    held* parents = nullptr;  ///< kept reachable for leak checkers, and for references to it
  };

  void (*const at_exit_)();
  std::atomic<held*> now_{nullptr};
  std::atomic<bool> is_registered_{false};
};

}  // namespace loopbridge::detail
