#pragma once

#include <utility>

#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/invoke.hpp"
#include "loopbridge/detail/result.hpp"

/// The three shapes of an ordinary call: where it lives, and who destroys its callable.
namespace loopbridge::detail {

/// post: a block with the callable, no result. Destroyed on the loop thread once it has run.
template <class Bound>
class posted_call final : public node {
 public:
  template <class... A>
  explicit posted_call(place where, A&&... bound)
      : where_(where), callable_(std::forward<A>(bound)...) {}

  result_base* run(core_base& core) noexcept override {
    nobody_waits_for<typename Bound::result_type>();
    try {
      const watched_call watched(core, where_);
      callable_(core.loop());
    } catch (...) {
      core.unhandled(std::current_exception(), where_);
    }
    destroy_in_block(this, core.memory());
    return nullptr;
  }

  result_base* refuse(core_base& core) noexcept override {
    const place where = where_;
    destroy_in_block(this, core.memory());
    core.unhandled(make_error(failure::stopped, where), where);
    return nullptr;
  }

 private:
  const place where_;
  Bound callable_;
};

/// A call with its callable: what submit and call have in common.
template <class Bound>
class call_with_result : public result<answer_t<Bound>> {
 public:
  result_base* run(core_base& core) noexcept override {
    if (!this->start()) {
      core.counts().husks.add_alone();
      return nullptr;
    }
    this->run_callable(callable_.value);
    discard_callable();
    return this;
  }
  result_base* refuse(core_base&) noexcept override {
    if (!this->start()) return nullptr;
    discard_callable();
    this->set_failure(failure::stopped);
    return this;
  }

  /// The callable, of a call that was refused at its submission: what it owns goes back.
  Bound& callable() noexcept { return callable_.value; }

 protected:
  template <class... A>
  explicit call_with_result(core_base& core, place where, A&&... bound)
      : result<answer_t<Bound>>(core, where), callable_(std::in_place, std::forward<A>(bound)...) {}
  ~call_with_result() = default;

  void discard_callable() noexcept override { callable_.destroy(); }

 private:
  until_destroyed<Bound> callable_;
};

/// submit: in a block, which outlives the waiter if need be, and the bridge.
template <class Bound>
class submitted_call final : public call_with_result<Bound> {
 public:
  template <class... A>
  explicit submitted_call(core_base& core, place where, A&&... bound)
      : call_with_result<Bound>(core, where, std::forward<A>(bound)...) {
    core.add_ref();
  }

  /// The list refused it: destroys the callable and frees the block.
  void undo() noexcept {
    this->discard_callable();
    destroy();
  }

 private:
  void destroy() noexcept override {
    core_base& core = this->core_;
    destroy_in_block(this, core.memory());
    core.release_ref();
  }
};

/// call: all on the caller's stack, whose frame stays until the result is there. No allocation.
template <class Bound>
class stack_call final : public call_with_result<Bound> {
 public:
  template <class... A>
  explicit stack_call(core_base& core, place where, A&&... bound)
      : call_with_result<Bound>(core, where, std::forward<A>(bound)...) {}

  void undo() noexcept { this->discard_callable(); }

 private:
  void destroy() noexcept override {}
};

/// A stack_call in its caller's frame. A child that was forked out of the wait keeps its hands off
/// it: the loop's thread, which does not exist there, may have been in the middle of it.
template <class Bound>
class stack_call_frame {
 public:
  template <class... A>
  explicit stack_call_frame(core_base& core, place where, A&&... bound)
      : call_(std::in_place, core, where, std::forward<A>(bound)...) {}
  ~stack_call_frame() {
    if (call_.value.core().is_this_process()) call_.destroy();
  }
  stack_call_frame(const stack_call_frame&) = delete;
  stack_call_frame& operator=(const stack_call_frame&) = delete;
  stack_call<Bound>& call() noexcept { return call_.value; }

 private:
  until_destroyed<stack_call<Bound>> call_;
};

}  // namespace loopbridge::detail
