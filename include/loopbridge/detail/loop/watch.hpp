#pragma once

#include <chrono>
#include <source_location>

#include "loopbridge/detail/loop/core_base.hpp"

namespace loopbridge::detail {

/// Stands while a callable runs, if a watchdog looks after the bridge. Loop thread; they nest,
/// where a callable runs the loop.
class watched_call {
 public:
  watched_call(core_base& core, std::source_location where) noexcept : watchdog_(core.watching()) {
    if (watchdog_ != nullptr) [[unlikely]]
      begin(where);
  }
  ~watched_call() {
    if (watchdog_ != nullptr) [[unlikely]]
      end();
  }
  watched_call(const watched_call&) = delete;
  watched_call& operator=(const watched_call&) = delete;

 private:
  friend class watchdog;

  void begin(std::source_location where) noexcept;
  void end() noexcept;

  watchdog* const watchdog_;
  // Only if there is one. Under its mutex.
  deadline since_;
  std::source_location where_;
  bool reported_;
  watched_call* outer_;
};

}  // namespace loopbridge::detail
