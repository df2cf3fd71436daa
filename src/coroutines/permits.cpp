#include "loopbridge/detail/coroutines/permits.hpp"

#include <stdexcept>
#include <string>

#include "loop/wait_chain.hpp"
#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

ref_ptr<permits> permits::make(std::size_t count, kind what) {
  return ref_ptr<permits>::adopt(make_in_block<permits>(nullptr, count, what));
}

void permits::destroy() noexcept {
  destroy_in_block(this, nullptr);
}

/// While any permit is out, they belong to one loop: nothing here has a lock.
void permits::must_be_of(const loop_core& core) {
  if (core_ == nullptr) core_ = &core;
  if (core_ == &core) return;
  throw std::logic_error(std::string("loopbridge: this ") + name() +
                         " is used on another bridge's loop: it serves the tasks of one loop; "
                         "await a call there, which uses it");
}

bool permits::try_take() noexcept {
  if (free_ == 0 || closed_) return false;
  --free_;
  return true;
}

void permits::give_back() noexcept {
  permit_wait* const next = first_;
  if (next == nullptr) {
    if (kind_ == kind::mutex) is_held_by(nullptr);
    if (++free_ == count_) core_ = nullptr;
    return;
  }
  remove(*next);
  next->end(true);
}

void permits::close() noexcept {
  closed_ = true;
  while (permit_wait* const w = first_) {
    remove(*w);
    w->end(false);
  }
}

void permits::append(permit_wait& w) noexcept {
  w.previous_ = last_;
  (last_ != nullptr ? last_->following_ : first_) = &w;
  last_ = &w;
}

void permits::remove(permit_wait& w) noexcept {
  (w.previous_ != nullptr ? w.previous_->following_ : first_) = w.following_;
  (w.following_ != nullptr ? w.following_->previous_ : last_) = w.previous_;
}

/// For wait_chain. The task's answer is held, as a walk may look at it.
void permits::is_held_by(deferred_base* task) noexcept {
  if (task != nullptr) task->add_ref();
  deferred_base* const before = held_.by.exchange(task);
  if (before == nullptr) return;
  wait_chain::until_nobody_looks();
  before->release_ref();
}

bool permit_wait::await_ready() {
  given_ = false;
  if (scope().is_cancelled()) return true;
  of_->must_be_of(scope().core());
  // wait_chain would find it, too, but not say so plainly.
  if (of_->held_.by.load() == &scope().answer()) {
    throw would_deadlock("loopbridge: this task locks an async_mutex that it has locked itself" +
                         submitted_at(scope().where()) +
                         ", so it would wait for itself; unlock() the first guard before, or lock "
                         "once and call from there what needs the lock");
  }
  given_ = of_->try_take();
  if (given_ && of_->kind_ == permits::kind::mutex) of_->is_held_by(&scope().answer());
  return given_ || of_->closed_;
}

void permit_wait::await_suspend(std::coroutine_handle<>) noexcept {
  of_->append(*this);
  suspended();
  if (of_->kind_ == permits::kind::mutex) scope().answer().awaits(of_->held_);
}

/// By the permits, which have let go of this.
void permit_wait::end(bool given) noexcept {
  given_ = given;
  scope().answer().awaits_lock_no_more();
  if (given && of_->kind_ == permits::kind::mutex) of_->is_held_by(&scope().answer());
  resume();
}

void permit_wait::cancel() noexcept {
  of_->remove(*this);
  scope().answer().awaits_lock_no_more();
  scope().resume();
}

ref_ptr<permits> permit_wait::take() {
  if (given_ && scope().is_cancelled()) of_->give_back();
  scope().throw_if_cancelled();
  if (given_) return ref_ptr<permits>(*of_);
  throw broken(std::string("loopbridge: this ") + of_->name() +
               " was destroyed while a task waited for it" + submitted_at(scope().where()) +
               "; keep it until the tasks that use it have ended");
}

}  // namespace loopbridge::detail
