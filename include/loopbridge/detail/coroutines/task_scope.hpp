#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <stop_token>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/errors.hpp"

/// How tasks run. A task and the tasks that it awaits are one line of execution, a scope. Its
/// frames are resumed by one loop (task_scope::go_on), never by each other: a frame that awaits
/// another task, or ends, names the frame that is next and returns. So a line of a million frames
/// starts, ends and fails in the stack of one. (Symmetric transfer would do that where compilers
/// make a tail call of it: g++ 12 does not at -O0 and -O1, nor with AddressSanitizer.)
namespace loopbridge::detail {

class deferred_base;
class task_promise_base;
class task_scope;

/// What a suspended task waits for in the end: a timer, a request of libuv's, an eventual. Loop
/// thread.
class cancellable_wait {
 public:
  /// The task is to go on soon, without what it waits for: at once, or, where libuv works on what
  /// the task's frame owns, when libuv has let go of that.
  virtual void cancel() noexcept = 0;

 protected:
  ~cancellable_wait() = default;
};

/// Holds a task's frame.
class task_holder {
 public:
  task_holder(task_holder&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  task_holder& operator=(task_holder&& other) noexcept {
    std::swap(promise_, other.promise_);
    return *this;
  }
  /// Destroys the frame, and the frames of the tasks that it waits for, in constant stack: the
  /// innermost first.
  ~task_holder() {
    if (promise_ != nullptr) destroy(*promise_);
  }

 protected:
  explicit task_holder(task_promise_base& promise) noexcept : promise_(&promise) {}

  task_promise_base* promise_;

 private:
  friend class task_promise_base;
  static void destroy(task_promise_base& promise) noexcept;
};

/// What the promises of tasks share.
class task_promise_base {
 public:
  /// The frame is in one of the library's recycled blocks.
  static void* operator new(std::size_t size) { return allocate_block(size, nullptr); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    release_block(frame, size, nullptr);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  task_scope& scope() const noexcept { return *scope_; }

  /// The frame that awaits this one, which is held by `holder`. Null: this is its line's first.
  void awaited_by(task_promise_base& awaiting, task_holder& holder) noexcept {
    scope_ = awaiting.scope_;
    awaiting_ = &awaiting;
    holder_ = &holder;
  }

 protected:
  explicit task_promise_base(std::coroutine_handle<> frame) noexcept : frame_(frame) {}

  task_scope* scope_ = nullptr;

 private:
  friend class task_holder;
  friend class task_scope;

  const std::coroutine_handle<> frame_;
  task_promise_base* awaiting_ = nullptr;  ///< or the next in a list of those to destroy
  task_holder* holder_ = nullptr;
};

/// A task that a call has started, with the tasks that it awaits: one line of execution, of which
/// at most one cancellable_wait is waited for. A base of what has started it. Loop thread.
class task_scope {
 public:
  /// Held by the answer, while the task waits.
  loop_core& core() const noexcept { return core_; }
  uv_loop_s* loop() const noexcept { return core_.loop().get(); }
  /// Of the call that started it.
  std::source_location where() const noexcept { return where_; }
  /// And not shielded from it. The bridge's end ends every shield.
  bool is_cancelled() const noexcept { return cancelled_ && (shields_ == 0 || core_.is_closed()); }
  deferred_base& answer() const noexcept { return answer_; }

  /// Runs the line's first task, up to its first wait, or to its end: true.
  bool start(task_promise_base& first) noexcept {
    first.scope_ = this;
    go_on(first);
    return is_done_;
  }
  /// By a frame that is about to suspend: `next` is to be resumed; null: the line has ended.
  void next_is(task_promise_base* next) noexcept {
    next_ = next;
    is_done_ = next == nullptr;
  }
  /// By the frame's end.
  void ends(task_promise_base& frame) noexcept { next_is(frame.awaiting_); }

  /// The frame that runs, or waits in `wait_`.
  task_promise_base* innermost() const noexcept { return innermost_; }

  void suspend_in(cancellable_wait& l) noexcept { wait_ = &l; }
  /// The cancellable_wait has what it waited for: goes on with the line, here. By the library's own
  /// functions that are called by libuv or by the loop, as their last act.
  void resume() noexcept;
  /// The same from anywhere on the loop thread: in the order of submission among the calls.
  void resume_soon() noexcept;

  /// From now on what can be cancelled throws `cancelled`, beginning with what is waited for now.
  void cancel() noexcept;
  /// By `shielding`.
  void begin_shield() noexcept { ++shields_; }
  void end_shield() noexcept {
    if (--shields_ == 0 && cancelled_ && stop_) stop_->request_stop();
  }
  void throw_if_cancelled() const {
    if (is_cancelled()) std::rethrow_exception(make_error(status::cancelled, where_));
  }

  /// Throws std::bad_alloc.
  std::stop_token stop_token() {
    if (!stop_) stop_.emplace();
    if (is_cancelled()) stop_->request_stop();
    return stop_->get_token();
  }

 protected:
  task_scope(loop_core& core, std::source_location where, deferred_base& answer) noexcept
      : core_(core), where_(where), answer_(answer) {}
  ~task_scope() = default;

  /// The task has ended, having waited: takes its result and destroys it. False: nobody waits for
  /// the answer any more, which else is delivered. Released after that.
  virtual bool ended() noexcept = 0;
  void forget_stop_token() noexcept { stop_.reset(); }

 private:
  /// In the list: the line goes on. It is there for as long as the line waits, and so its scope is.
  class resumption final : public internal_operation {
   public:
    explicit resumption(task_scope& of) noexcept : of_(of) {}
    void go(loop_core& core) noexcept override;
    void end(loop_core& core) noexcept override;

   private:
    task_scope& of_;
  };

  void go_on(task_promise_base& first) noexcept;

  loop_core& core_;
  const std::source_location where_;
  deferred_base& answer_;
  cancellable_wait* wait_ = nullptr;
  task_promise_base* next_ = nullptr;
  task_promise_base* innermost_ = nullptr;
  bool is_done_ = false;
  bool cancelled_ = false;
  unsigned shields_ = 0;
  std::optional<std::stop_source> stop_;
  resumption in_list_{*this};
};

/// An awaitable of the library's own: task promises let it be awaited, and give it the scope.
class task_awaiter : public cancellable_wait {
 public:
  void enter(task_scope& scope) noexcept { scope_ = &scope; }
  /// Of a task that is cancelled: await_resume() then throws.
  bool await_ready() const noexcept { return scope_->is_cancelled(); }

 protected:
  task_awaiter() = default;
  task_awaiter(const task_awaiter&) = delete;
  task_awaiter& operator=(const task_awaiter&) = delete;
  ~task_awaiter() = default;

  task_scope& scope() const noexcept { return *scope_; }
  uv_loop_s* loop() const noexcept { return scope_->loop(); }
  /// By await_suspend, when what it began will call resume() or cancel().
  void suspended() noexcept { scope_->suspend_in(*this); }
  /// Goes on with the task, soon.
  void resume() noexcept { scope_->resume_soon(); }

 private:
  task_scope* scope_ = nullptr;
};

/// Such an awaitable that users write.
class users_awaiter : public task_awaiter {
 public:
  /// In a coroutine that is no task: there is no scope.
  template <class Foreign = void>
  std::suspend_never operator co_await() const {
    static_assert(never<Foreign>,
                  "only a task can await this: here, co_await bridge.submit(a task that does)");
    return {};
  }

 protected:
  ~users_awaiter() = default;
};

/// A line that is shielded from its cancelling, while this stands in one of its frames. The
/// bridge's end finds it, since the answer of a line that was cancelled is in no register any more.
class shielding : private end_hook {
 public:
  shielding(const shielding&) = delete;
  shielding& operator=(const shielding&) = delete;

 protected:
  shielding() = default;
  ~shielding() = default;

  void begin(task_scope& scope) noexcept {
    of_ = &scope;
    scope.begin_shield();
    scope.core().add(*this);
  }
  void end() noexcept {
    of_->core().remove(*this);
    of_->end_shield();
  }

 private:
  void bridge_ends() noexcept override { of_->cancel(); }

  task_scope* of_ = nullptr;
};

/// Asks the task's scope, and does not wait.
template <auto ask>
class scope_question final : public users_awaiter {
 public:
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  auto await_resume() const { return (scope().*ask)(); }
  void cancel() noexcept override {}
};

}  // namespace loopbridge::detail
