#pragma once

#include <utility>

#include "loopbridge/detail/coroutines/permits.hpp"

namespace loopbridge {

/// Lets one task of a loop at a time at something that takes several co_awaits: one query on a
/// connection, say. (What takes none needs no lock: the loop runs one thing at a time.)
///
///   loopbridge::async_mutex one_query;
///   task<rows> query(std::string text) {
///     const auto lock = co_await one_query.lock();   // unlocked at the end of the scope
///     co_await send(text);
///     co_return co_await receive();
///   }
///
/// Waiters are served first come, first served. Nothing is allocated for a wait: it is in the
/// task's frame. The mutex itself is one block of memory.
///
/// A wait that cannot end is an error, also where nobody waits for the task. A task that locks
/// again what it has locked gets `would_deadlock` where it awaits. Two tasks that lock two mutexes
/// in different orders, or a task that awaits, with the lock, a call that needs it: the call of the
/// task that closes the circle ends as `would_deadlock`, and the task is cancelled, which unlocks
/// what it has locked.
///
/// Thread   made by any ordinary thread; all else on the thread of one loop. Tasks of another loop
///          get std::logic_error while it is locked.
/// Throws   the constructor: std::bad_alloc.
/// After the end   when it is destroyed, tasks that wait get `broken`. A guard may outlive it.
///          Destroy it on the loop's thread, or once the bridge has stopped. The bridge's stop
///          cancels tasks that wait, as it cancels all tasks.
class async_mutex {
 public:
  class guard;
  class lock_wait;

  async_mutex() : lock_(detail::permits::make(1, detail::permits::kind::mutex)) {}
  ~async_mutex() { lock_->close(); }
  async_mutex(const async_mutex&) = delete;
  async_mutex& operator=(const async_mutex&) = delete;

  /// `co_await m.lock()`, in a task: gives a guard, which unlocks it when it is destroyed.
  /// Throws   at the co_await: `cancelled`, at once, when the task is cancelled; a lock that it was
  ///          given in that moment goes to the next. `broken` when the mutex is destroyed.
  ///          `would_deadlock` when this task has it locked.
  lock_wait lock() noexcept;

  bool is_locked() const noexcept { return lock_->left() == 0; }

 private:
  const detail::ref_ptr<detail::permits> lock_;
};

/// Unlocks the mutex when it is destroyed. It stays where it was made, in the task that has locked:
/// so the library knows which task others wait for.
class [[nodiscard("it unlocks when it is destroyed: keep it")]] async_mutex::guard {
 public:
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;
  ~guard() { unlock(); }

  /// Unlocks now. The first waiter has the lock then, and goes on in a later turn.
  void unlock() noexcept {
    if (const detail::ref_ptr<detail::permits> of = std::move(of_)) of->give_back();
  }

 private:
  friend class lock_wait;
  explicit guard(detail::ref_ptr<detail::permits>&& of) noexcept : of_(std::move(of)) {}

  detail::ref_ptr<detail::permits> of_;
};

/// What is awaited: see lock().
class async_mutex::lock_wait final : public detail::permit_wait {
 public:
  guard await_resume() { return guard(take()); }

 private:
  friend class async_mutex;
  using permit_wait::permit_wait;
};

inline async_mutex::lock_wait async_mutex::lock() noexcept {
  return lock_wait(*lock_);
}

}  // namespace loopbridge
