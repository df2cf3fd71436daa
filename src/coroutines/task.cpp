#include "loop/in_callable.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/coroutines/call_awaiter.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"

namespace loopbridge::detail {
namespace {
/// While the calling thread destroys tasks: the list of tasks that are destroyed by that.
constinit thread_local task_promise_base** more_to_destroy = nullptr;
/// The same for tasks that go on although their list is closed.
constinit thread_local batch* more_to_resume = nullptr;
}  // namespace

void task_scope::go_on(task_promise_base& first) noexcept {
  next_ = &first;
  while (next_ != nullptr) {
    innermost_ = std::exchange(next_, nullptr);
    innermost_->frame_.resume();
  }
}

void task_scope::resume() noexcept {
  const in_callable of_this(core_);
  wait_ = nullptr;
  go_on(*innermost_);
  if (!is_done_) return;
  deferred_base& answer = answer_;
  // The last: with the answer the waiter may unload the library that the task was from.
  if (ended()) answer.deliver();
  answer.release_ref();
}

void task_scope::resume_soon() noexcept {
  wait_ = nullptr;
  if (core_.submit(in_list_) == status::accepted) return;
  // The bridge stops, and nobody waits for this task any more. It ends here, and after it the tasks
  // that it lets go on.
  if (more_to_resume != nullptr) return more_to_resume->append({&in_list_, &in_list_});
  batch list{&in_list_, &in_list_};
  in_list_.next = nullptr;
  more_to_resume = &list;
  while (operation* const n = list.pop()) static_cast<resumption*>(n)->go(core_);
  more_to_resume = nullptr;
}

void task_scope::cancel() noexcept {
  cancelled_ = true;
  if (!is_cancelled()) return;  // shielded
  if (stop_) stop_->request_stop();
  if (cancellable_wait* const l = std::exchange(wait_, nullptr); l != nullptr) l->cancel();
}

void task_scope::resumption::go(loop_core&) noexcept {
  of_.resume();
}

void task_scope::resumption::end(loop_core&) noexcept {
  of_.resume();
}

void task_holder::destroy(task_promise_base& promise) noexcept {
  if (more_to_destroy != nullptr) {
    promise.awaiting_ = std::exchange(*more_to_destroy, &promise);
    return;
  }
  task_promise_base* list = &promise;
  promise.awaiting_ = nullptr;
  more_to_destroy = &list;
  while (task_promise_base* const outer = list) {
    list = outer->awaiting_;
    // Begun, and waiting for others: what they refer to is in the frames that await them.
    task_promise_base* inner =
        outer->scope_ != nullptr && !outer->frame_.done() ? outer->scope_->innermost() : outer;
    while (inner != outer) {
      task_promise_base* const awaiting = inner->awaiting_;
      inner->holder_->promise_ = nullptr;
      inner->frame_.destroy();
      inner = awaiting;
    }
    outer->frame_.destroy();
  }
  more_to_destroy = nullptr;
}

bool call_awaiter::await_suspend(std::coroutine_handle<>) {
  round_ = round::make(scope().core(), 1, round::ends::one);
  round_->add(call_);
  if (round_->begin(*this)) return false;  // it has come meanwhile
  suspended();
  return true;
}

void call_awaiter::go_on() noexcept {
  let_go();
  scope().resume();
}

void call_awaiter::cancel() noexcept {
  given_up_ = true;
  go_on();
}

}  // namespace loopbridge::detail
