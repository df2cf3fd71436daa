#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>

#include "loopbridge/detail/coroutines/permits.hpp"

namespace loopbridge {

/// Lets so many tasks of a loop at something at once: 50 downloads, say.
///
///   loopbridge::semaphore downloads(50);
///   task<> fetch(std::string url) {
///     const auto permit = co_await downloads.acquire();   // given back at the end of the scope
///     co_await download(url);
///   }
///
/// Waiters are served first come, first served. Nothing is allocated for a wait: it is in the
/// task's frame. The semaphore itself is one block of memory.
///
/// A task that waits for a permit while it has the only ones waits for ever: permits may be passed
/// on, so the library cannot know who will give one back. (It knows for an async_mutex.)
///
/// Thread   made by any ordinary thread; all else, permits too, on the thread of one loop. Tasks of
///          another loop get std::logic_error while permits are out.
/// Throws   the constructor: std::invalid_argument for no permits at all; std::bad_alloc.
/// After the end   when it is destroyed, tasks that wait get `broken`. Permits may outlive it.
///          Destroy it on the loop's thread, or once the bridge has stopped. The bridge's stop
///          cancels tasks that wait, as it cancels all tasks.
class semaphore {
 public:
  class permit;
  class acquire_wait;

  explicit semaphore(std::size_t permits) : permits_(make(permits)) {}
  ~semaphore() { permits_->close(); }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  /// `co_await s.acquire()`, in a task: gives a permit.
  /// Throws   at the co_await: `cancelled`, at once, when the task is cancelled; a permit that it
  ///          was given in that moment goes to the next. `broken` when the semaphore is destroyed.
  acquire_wait acquire() noexcept;
  /// A permit, or an empty one where none is free. Does not wait, nor overtake those that do.
  permit try_acquire() noexcept;

  /// How many are free. Not 0: nobody waits.
  std::size_t available() const noexcept { return permits_->left(); }

 private:
  static detail::ref_ptr<detail::permits> make(std::size_t permits) {
    if (permits != 0) {
      return detail::permits::make(permits, detail::permits::kind::semaphore);
    }
    throw std::invalid_argument(
        "loopbridge: a semaphore without permits would let nobody in: give it one at least");
  }

  const detail::ref_ptr<detail::permits> permits_;
};

/// What a task has that was let in; it is given back when this is destroyed. Move-only. An empty
/// one (default-constructed, moved from, released) holds nothing.
class [[nodiscard("it is given back when it is destroyed: keep it")]] semaphore::permit {
 public:
  permit() noexcept = default;
  permit(permit&&) noexcept = default;
  permit& operator=(permit&& other) noexcept {
    permit taken(std::move(other));
    std::swap(of_, taken.of_);
    return *this;
  }
  ~permit() { release(); }

  explicit operator bool() const noexcept { return static_cast<bool>(of_); }
  /// Gives it back now. The first waiter has it then, and goes on in a later turn.
  void release() noexcept {
    if (const detail::ref_ptr<detail::permits> of = std::move(of_)) of->give_back();
  }

 private:
  friend class semaphore;
  explicit permit(detail::ref_ptr<detail::permits>&& of) noexcept : of_(std::move(of)) {}

  detail::ref_ptr<detail::permits> of_;
};

/// What is awaited: see acquire().
class semaphore::acquire_wait final : public detail::permit_wait {
 public:
  permit await_resume() { return permit(take()); }

 private:
  friend class semaphore;
  using permit_wait::permit_wait;
};

inline semaphore::acquire_wait semaphore::acquire() noexcept {
  return acquire_wait(*permits_);
}

inline semaphore::permit semaphore::try_acquire() noexcept {
  if (!permits_->try_take()) return {};
  return permit(detail::ref_ptr<detail::permits>(*permits_));
}

}  // namespace loopbridge
