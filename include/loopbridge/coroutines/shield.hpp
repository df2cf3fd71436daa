#pragma once

#include <coroutine>
#include <utility>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"

namespace loopbridge {

/// `co_await shield(a task)`, in a task: awaits it, and keeps a cancelling from it. For what must
/// be done also in a task that is cancelled:
///
///   try {
///     co_await talk(connection);
///   } catch (...) {
///     failed = std::current_exception();   // no co_await stands in a catch block
///   }
///   co_await loopbridge::shield(say_goodbye(connection));
///
/// In the task, and in those that it awaits, co_await does not throw `cancelled`, be the line
/// cancelled already or meanwhile; and what stop_token_of_task() gives is not stopped. After it all
/// is as before: the co_await of the shield gives what its task gave, and the next one throws
/// `cancelled`. Give such a task an end of its own (a delay() beside it, say): nobody can end it.
///
/// The waiter is not held up by it: a call that is cancelled, or timed out, has ended for its
/// waiter at once, whatever its task still does.
///
/// Thread   inside a task
/// Throws   what the task fails with; `no_state` for an empty one.
/// After the end   the bridge's stop ends the shield too, since timers, calls and streams end with
///          the loop: co_await throws `cancelled` there as everywhere. What must run before that is
///          waited for by stop_when_idle().
template <class T>
class shield final : public detail::users_awaiter, private detail::shielding {
 public:
  explicit shield(task<T>&& shielded) noexcept : task_(std::move(shielded)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) {
    auto& promise = task_.promise();
    begin(scope());
    promise.awaited_by(*scope().innermost(), task_);
    scope().next_is(&promise);
  }
  T await_resume() {
    end();
    return task_.promise().result().take(scope().where());
  }
  void cancel() noexcept override {}  // what the task waits for is in its place

 private:
  task<T> task_;
};

template <class T>
shield(task<T>&&) -> shield<T>;

}  // namespace loopbridge
