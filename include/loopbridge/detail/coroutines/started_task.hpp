#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/detail/results/gathering.hpp"

/// What a call makes of a callable that returns a task.
namespace loopbridge::detail {

/// A task that a call has started, and the call's deferred, which it settles and which cancels it.
/// It has the callable, so that what that has captured is good for the whole of the task.
template <class T, class Bound>
class started_task final : public deferred_state<T>, public task_scope, private cancel_hook {
 public:
  started_task(loop_core& core, std::source_location where, Bound&& callable)
      : deferred_state<T>(
            core.memory(), in_block<started_task>::block_of(this), in_block<started_task>::size,
            [](deferred_base& d) noexcept { static_cast<started_task&>(d).empty_all(); }),
        task_scope(core, where, static_cast<deferred_base&>(*this)),
        callable_(std::move(callable)) {}

  /// Runs it up to its first wait: false, and it holds itself, and the core by that. Or to its end:
  /// `result` is what it gave, and this is gone. Such a task costs nothing that only one that waits
  /// needs: no count is touched.
  bool start(outcome<T>& result) noexcept {
    try {
      task_.emplace((*callable_)(task_scope::core().loop()));
      auto& promise = task_->promise();
      if (!task_scope::start(promise)) {
        this->add_ref();
        this->set_cancel_hook(*this);
        return false;
      }
      result.take_over(std::move(promise.result()));
    } catch (...) {
      result.set(std::current_exception());
    }
    this->release_ref();
    return true;
  }

 private:
  bool ended() noexcept override {
    outcome<T> result;
    result.take_over(std::move(task_->promise().result()));
    this->forget_cancel_hook();
    // The captures end before the answer is announced, like those of every call.
    destroy_task();
    return settle_or_report(*this, result, task_scope::core(), where());
  }

  void operator()() override { cancel(); }
  void destroy() noexcept override {}  // the caller of the hook holds the deferred

  void destroy_task() noexcept {
    task_.reset();
    callable_.reset();
  }
  void empty_all() noexcept {
    destroy_task();
    forget_stop_token();
    this->own_outcome().clear();
  }

  std::optional<Bound> callable_;
  std::optional<task<T>> task_;
};

template <class T, class Bound>
deferred_ptr<T> start_task(loop_core& core, std::source_location where, Bound& callable,
                           outcome<T>& result) {
  auto* const started =
      make_in_block<started_task<T, Bound>>(core.memory(), core, where, std::move(callable));
  if (started->start(result)) return {};
  return deferred_ptr<T>::adopt(started);
}

}  // namespace loopbridge::detail
