#pragma once

#include <cstddef>
#include <memory>

#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/watch.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge::detail {

/// Notices callables and waits that last too long, while they last: see options::watchdog.
///
/// A callable is looked at by a thread of its own, since the loop's is stuck in it, and nobody else
/// need be there: a wait in time makes a thread that waits anyway, which reports its own. The two
/// share a lock with the loop, taken twice for each callable; a bridge without a watchdog has none
/// of this. Reports are made without the lock.
class watchdog {
 public:
  /// Starts the thread if callables are to be watched. Throws like own_thread.
  watchdog(core_base& core, const watchdog_options& opts, std::size_t stack_size);
  ~watchdog();
  /// Nothing more is to be watched.
  void end() noexcept;
  /// After end(): waits for the hook to return, unless that is where this is called. One thread at
  /// a time.
  void join() noexcept;

  /// As completion::wait.
  bool wait(completion& answer, deadline until, place where, const interruption_flag* by) noexcept;

 private:
  friend class watched_call;
  struct thread;

  void report(overdue::kind what, std::chrono::nanoseconds so_far, place where) noexcept;

  core_base& core_;
  const watchdog_options& opts_;
  const std::shared_ptr<thread> thread_;
};

}  // namespace loopbridge::detail
