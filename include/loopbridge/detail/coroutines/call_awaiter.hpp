#pragma once

#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/detail/results/gathering.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge::detail {

/// Waits in a task for a call that is done somewhere else: a round of one part. The derived class
/// decides how the call is held, and what the task gets.
class call_awaiter : public task_awaiter, private round_waiter {
 public:
  bool await_ready() {
    given_up_ = scope().is_cancelled();
    return given_up_ || call_.is_ready();
  }
  bool await_suspend(std::coroutine_handle<> task);
  void cancel() noexcept override;

 protected:
  /// `call` lasts as long as this.
  call_awaiter(task_scope& scope, call_base& call) noexcept
      : round_waiter(scope.answer()), call_(call) {
    enter(scope);
  }
  ~call_awaiter() = default;

  /// The task was cancelled first, so await_resume() throws.
  bool given_up_ = false;

 private:
  void go_on() noexcept override;

  call_base& call_;
};

/// co_await of an eventual in a task. `Held` is an eventual<T>, the task's own, which is cancelled
/// along with it; or a const eventual<T>&.
template <class Held>
class eventual_awaiter final : public call_awaiter {
 public:
  /// Throws `no_state` if `e` is empty.
  eventual_awaiter(task_scope& scope, Held&& e)
      : call_awaiter(scope, eventual_access::state(e)), held_(std::forward<Held>(e)) {}

  decltype(auto) await_resume() {
    if (given_up_) {
      if constexpr (!std::is_reference_v<Held>) eventual_access::state(held_).give_up();
      scope().throw_if_cancelled();
    }
    return std::forward<Held>(held_).get();
  }

 private:
  Held held_;
};

/// co_await of a deferred in a task: makes the call that the deferred answers. It gets the place of
/// the task.
template <class T>
eventual<T> answer_of_deferred(const task_scope& scope, deferred<T>&& d) {
  if (!d) throw_no_state("this deferred is empty: a task cannot await it");
  return inner_call<T>::make(scope.core(), scope.where())->wait_for(std::move(d));
}

}  // namespace loopbridge::detail
