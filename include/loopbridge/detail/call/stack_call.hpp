#pragma once

#include <source_location>
#include <utility>

#include "loopbridge/detail/call/call.hpp"

namespace loopbridge::detail {

/// call: all of it in its caller's frame, which stays until the result is there. No allocation.
///
/// A child that is forked out of the wait keeps its hands off it: the loop's thread, which does not
/// exist there, may have been in the middle of it.
template <class Bound>
class stack_call {
 public:
  /// Throws as blocking_wait does, before anything is made.
  template <class... A>
  explicit stack_call(loop_core& core, std::source_location where, A&&... bound)
      : waiting_(core, where, blocking_wait::how::endless),
        call_(std::in_place, core, where, std::forward<A>(bound)...) {
    waiting_.is_for(call_.value.completion(), call_.value);
  }
  ~stack_call() {
    if (call_.value.core().is_this_process()) call_.destroy();
  }
  stack_call(const stack_call&) = delete;
  stack_call& operator=(const stack_call&) = delete;

  operation& in_list() noexcept { return call_.value; }
  /// The inbox refused it: destroys the callable.
  void undo() noexcept {
    waiting_.end();
    call_.value.discard_callable();
  }
  /// The answer.
  auto wait_and_take() -> answer_t<Bound> {
    const bool answered = call_.value.spin_then_sleep(no_deadline);
    waiting_.end();
    if (!answered) throw_wrong_process(call_.value.where());  // forked meanwhile
    return call_.value.take();
  }

 private:
  class in_frame final : public call_with_result<Bound> {
   public:
    template <class... A>
    explicit in_frame(loop_core& core, std::source_location where, A&&... bound)
        : call_with_result<Bound>(core, where, std::forward<A>(bound)...) {}
    const detail::completion& completion() const noexcept { return this->completion_; }
    using call_with_result<Bound>::discard_callable;
    using call_base::spin_then_sleep;

   private:
    void destroy() noexcept override {}
  };

  blocking_wait waiting_;
  manual_lifetime<in_frame> call_;
};

}  // namespace loopbridge::detail
