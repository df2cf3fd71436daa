#pragma once

#include <cstddef>
#include <memory>
#include <source_location>

#include "loopbridge/detail/loop/running_callable.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge::detail {

/// Notices callables and iterations that last too long, while they last: see options::watchdog. It
/// has a thread of its own, since the loop's is stuck, and no other need be there. It shares a lock
/// with the loop, taken twice for each callable. Reports are made without the lock.
class watchdog {
 public:
  /// Starts the thread. Throws what own_thread's constructor throws.
  watchdog(loop_core& core, const watchdog_options& opts, std::size_t stack_size);
  ~watchdog();
  /// Nothing more is to be watched.
  void end() noexcept;
  /// After end(): waits for the hook to return, unless that is where this is called. One thread at
  /// a time.
  void join() noexcept;

 private:
  friend class running_callable;
  struct thread;

  void report(overdue::kind what, std::chrono::nanoseconds so_far,
              std::source_location where) noexcept;

  loop_core& core_;
  const watchdog_options& opts_;
  const std::shared_ptr<thread> thread_;
};

}  // namespace loopbridge::detail
