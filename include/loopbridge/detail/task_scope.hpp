#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/core_base.hpp"
#include "loopbridge/detail/coroutine.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

/// What a suspended task waits for in the end: a timer, a request of libuv's, an eventual. Loop
/// thread.
class leaf {
 public:
  /// The task is to go on soon, without what it waits for: at once, or, where libuv works on what
  /// the task's frame owns, when libuv has let go of that.
  virtual void cancel() noexcept = 0;

 protected:
  ~leaf() = default;
};

/// A task that a call has started, with the tasks that it awaits: one line of execution, of which
/// at most one leaf is waited for. Loop thread.
class task_scope {
 public:
  task_scope(core_base& core, place where) noexcept : core_(core), where_(where) {}

  /// Which whoever has started the task holds while it waits.
  core_base& core() const noexcept { return core_; }
  /// Of the call that started it.
  place where() const noexcept { return where_; }
  bool is_cancelled() const noexcept { return cancelled_; }

  void suspend_in(leaf& l) noexcept { leaf_ = &l; }
  void resumed() noexcept { leaf_ = nullptr; }

  /// From now on what can be cancelled throws `cancelled`, beginning with what is waited for now.
  void cancel() noexcept {
    cancelled_ = true;
    if (stop_) stop_->request_stop();
    if (leaf* const l = std::exchange(leaf_, nullptr); l != nullptr) l->cancel();
  }
  void throw_if_cancelled() const {
    if (cancelled_) std::rethrow_exception(make_error(failure::cancelled, where_));
  }

  /// Throws std::bad_alloc.
  std::stop_token stop_token() {
    if (!stop_) stop_.emplace();
    if (cancelled_) stop_->request_stop();
    return stop_->get_token();
  }

 private:
  core_base& core_;
  const place where_;
  leaf* leaf_ = nullptr;
  bool cancelled_ = false;
  std::optional<std::stop_source> stop_;
};

/// What the promises of tasks and of those who start them share.
class task_promise_base {
 public:
  /// The frame is in one of the library's recycled blocks.
  static void* operator new(std::size_t size) { return allocate_block(size, nullptr); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    release_block(frame, size, nullptr);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  task_scope& scope() const noexcept { return *scope_; }

 protected:
  task_scope* scope_ = nullptr;
};

/// An awaitable of the library's own: task promises let it be awaited, and tell it the scope.
class task_awaiter : public leaf {
 public:
  void enter(task_scope& scope) noexcept { scope_ = &scope; }

 protected:
  task_awaiter() = default;
  task_awaiter(const task_awaiter&) = delete;
  task_awaiter& operator=(const task_awaiter&) = delete;
  ~task_awaiter() = default;

  task_scope& scope() const noexcept { return *scope_; }
  uv_loop_s* loop() const noexcept { return scope_->core().loop().get(); }
  /// By await_suspend, when what it began will call resume() or cancel().
  void suspended(std::coroutine_handle<> task) noexcept {
    task_ = task;
    scope_->suspend_in(*this);
  }
  /// Goes on with the task. The awaiter may be gone when it returns.
  void resume() noexcept {
    scope_->resumed();
    task_.resume();
  }

 private:
  task_scope* scope_ = nullptr;
  std::coroutine_handle<> task_;
};

}  // namespace loopbridge::detail
