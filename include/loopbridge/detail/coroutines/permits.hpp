#pragma once

#include <coroutine>
#include <cstddef>

#include "loopbridge/detail/call/deferred_state.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/detail/sync/ref_counted.hpp"

/// What semaphore and async_mutex are made of.
namespace loopbridge::detail {

class permit_wait;

/// Permits, and the tasks that wait for one, first come first served. In a block of its own, held
/// by the semaphore or mutex, by each permit that is out and by each wait: any of them may be the
/// last. Loop thread.
///
/// A permit that comes back is given to the first that waits, before that goes on. So none is free
/// while any task waits, and none can be taken in between.
class permits final : public ref_counted<permits> {
 public:
  enum class kind { semaphore, mutex };

  /// By make(), and by destroy().
  permits(std::size_t count, kind what) noexcept : count_(count), free_(count), kind_(what) {}
  ~permits() = default;
  /// Throws std::bad_alloc.
  static ref_ptr<permits> make(std::size_t count, kind what);

  std::size_t left() const noexcept { return free_; }
  bool try_take() noexcept;
  void give_back() noexcept;
  /// The semaphore or the mutex is gone: tasks that wait get none.
  void close() noexcept;

 private:
  friend class ref_counted<permits>;
  friend class permit_wait;

  void destroy() noexcept;
  const char* name() const noexcept { return kind_ == kind::mutex ? "async_mutex" : "semaphore"; }
  void must_be_of(const loop_core& core);
  void append(permit_wait& w) noexcept;
  void remove(permit_wait& w) noexcept;
  void is_held_by(deferred_base* task) noexcept;

  const std::size_t count_;
  std::size_t free_;
  const kind kind_;
  bool closed_ = false;
  const loop_core* core_ = nullptr;  ///< of the tasks that have permits, or wait; to compare
  held_lock held_;                   ///< of a mutex
  permit_wait* first_ = nullptr;
  permit_wait* last_ = nullptr;
};

/// A task's wait for a permit, in its frame. What it is given is given back by await_resume if the
/// task was cancelled meanwhile.
class permit_wait : public users_awaiter {
 public:
  virtual ~permit_wait() = default;

  /// Throws std::logic_error if the permits are another loop's.
  bool await_ready();
  void await_suspend(std::coroutine_handle<> task) noexcept;
  void cancel() noexcept override;

 protected:
  explicit permit_wait(permits& of) noexcept : of_(of) {}

  /// By await_resume: the caller has the permit. Throws `cancelled` and `broken`.
  ref_ptr<permits> take();

 private:
  friend class permits;
  void end(bool given) noexcept;

  ref_ptr<permits> of_;
  bool given_ = false;
  permit_wait* previous_ = nullptr;
  permit_wait* following_ = nullptr;
};

}  // namespace loopbridge::detail
