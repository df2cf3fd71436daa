#pragma once

#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/detail/results/gathering.hpp"
#include "loopbridge/detail/sync/ref_counted.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge::detail {

/// Waits in a task for a call that is done somewhere else. The derived class decides how the call
/// is held, and what the task gets.
class call_awaiter : public task_awaiter {
 public:
  bool await_ready() {
    given_up_ = scope().is_cancelled();
    return given_up_ || call_.is_ready();
  }
  void await_suspend(std::coroutine_handle<> task);
  void cancel() noexcept override;

 protected:
  /// `call` lasts as long as this.
  explicit call_awaiter(call_base& call) noexcept : call_(call) {}
  ~call_awaiter() = default;

  /// The task was cancelled first. Asked by await_resume(), which then throws.
  bool is_given_up() const noexcept { return given_up_; }

 private:
  /// Brings the task back to its loop.
  ///
  /// Held by: the awaiter, whose task may go on without the answer; the call that is watched, and
  /// then the list.
  class resume_operation final : public completion_callback,
                                 public internal_operation,
                                 public ref_counted<resume_operation> {
   public:
    resume_operation(loop_core& core, call_awaiter& awaiter) noexcept
        : ref_counted(2), core_(core), awaiter_(&awaiter) {}

    /// Loop: the task does not wait any more.
    void give_up() noexcept { awaiter_ = nullptr; }

    void notify() noexcept override;
    void destroy() noexcept { destroy_in_block(this, nullptr); }

   private:
    void go(loop_core& core) noexcept override;
    void end(loop_core& core) noexcept override;

    const core_ptr core_;
    call_awaiter* awaiter_;  ///< loop thread; null: it has gone on
  };
  call_base& call_;
  ref_ptr<resume_operation> back_;
  bool given_up_ = false;
};

/// co_await of an eventual in a task. `Held` is an eventual<T>, the task's own, which is cancelled
/// along with it; or a const eventual<T>&.
template <class Held>
class eventual_awaiter final : public call_awaiter {
 public:
  /// Throws `no_state` if `e` is empty.
  eventual_awaiter(task_scope& scope, Held&& e)
      : call_awaiter(eventual_access::state(e)), answer_(std::forward<Held>(e)) {
    enter(scope);
  }

  decltype(auto) await_resume() {
    if (is_given_up()) {
      if constexpr (!std::is_reference_v<Held>) eventual_access::state(answer_).give_up();
      scope().throw_if_cancelled();
    }
    return std::forward<Held>(answer_).get();
  }

 private:
  Held answer_;
};

/// co_await of a deferred in a task: makes the call that the deferred answers. It gets the place of
/// the task.
template <class T>
eventual<T> answer_of_deferred(const task_scope& scope, deferred<T>&& d) {
  if (!d) throw_no_state("this deferred is empty: a task cannot await it");
  return inner_call<T>::make(scope.core(), scope.where())->wait_for(std::move(d));
}

}  // namespace loopbridge::detail
