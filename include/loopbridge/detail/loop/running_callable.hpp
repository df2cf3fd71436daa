#pragma once

#include <chrono>
#include <source_location>

#include "loopbridge/detail/loop/loop_core.hpp"

namespace loopbridge::detail {

/// Stands while a callable runs, if a watchdog looks after the bridge. Loop thread; they nest,
/// where a callable runs the loop.
class running_callable {
 public:
  running_callable(loop_core& core, std::source_location where) noexcept
      : watchdog_(core.watching()) {
    if (watchdog_ != nullptr) [[unlikely]]
      begin(where);
  }
  ~running_callable() {
    if (watchdog_ != nullptr) [[unlikely]]
      end();
  }
  running_callable(const running_callable&) = delete;
  running_callable& operator=(const running_callable&) = delete;

 private:
  friend class watchdog;

  void begin(std::source_location where) noexcept;
  void end() noexcept;

  watchdog* const watchdog_;
  // Only if there is one. Under its mutex.
  deadline since_;
  std::source_location where_;
  bool reported_;
  running_callable* outer_;
};

/// Runs a callable that nobody waits for. What it throws goes to the hook.
template <class F>
void run_unanswered(loop_core& core, std::source_location where, F&& f) noexcept {
  try {
    const running_callable watched(core, where);
    f();
  } catch (...) {
    core.unhandled(std::current_exception(), where);
  }
}

}  // namespace loopbridge::detail
