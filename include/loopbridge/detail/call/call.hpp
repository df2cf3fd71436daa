#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/bound_call.hpp"
#include "loopbridge/detail/call/completion_callback.hpp"
#include "loopbridge/detail/call/deferred_state.hpp"
#include "loopbridge/detail/call/outcome.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"
#include "loopbridge/detail/sync/completion.hpp"

/// The calls that a bridge's verbs make, from the submission to the answer.
///
///   post     posted_call      a block; no result: see submit.hpp
///   submit   submitted_call   a block, which outlives the waiter if need be, and the bridge
///   call     stack_call       the caller's frame: see submit.hpp
namespace loopbridge::detail {

/// A call that a thread may wait for, without its value and its callable.
///
/// It has two owners, the loop's side and the handle; completion's word says which of them is last
/// and frees it. So a result is destroyed where the handle is dropped, or where the call completes.
class call_base : public answered_call {
 public:
  bool is_ready() const noexcept { return completion_.is_done(); }
  std::source_location where() const noexcept { return where_; }
  loop_core& core() const noexcept { return core_; }

  // The waiter's side: by the holder of the handle.

  /// False: the deadline came first, or `by` was tripped, if there is one. Throws as blocking_wait
  /// does, unless the result is there.
  bool wait(deadline until, const interrupt_flag* by = nullptr) {
    if (completion_.is_done()) return true;
    const auto lasts = until == no_deadline && by == nullptr ? blocking_wait::how::endless
                                                             : blocking_wait::how::timed;
    const blocking_wait waiting(core_, where_, lasts, &completion_, this);
    if (spin_then_sleep(until, by)) return true;
    if (!core_.is_this_process()) throw_error(status::wrong_process, where_);
    return false;
  }
  /// The same, but throws `interrupted`, or `timed_out`, which says how far the call has come.
  void wait_within(std::chrono::nanoseconds timeout, const interrupt_flag* by = nullptr) {
    if (!wait(deadline_after(timeout), by)) end_wait(timeout, by);
  }
  /// See eventual::cancel.
  bool cancel() noexcept;
  /// The time of a wait is up: cancels, and throws `timed_out`. Returns if it is done after all.
  void cancel_late(std::chrono::nanoseconds timeout);
  /// Calls `c` when it is done, which it may be already. Any number may be added.
  void on_completion(completion_callback& c) noexcept {
    // Marked first: once `c` is in the list, it may be notified and this call be gone. If it is
    // done, its completer need not have seen the mark, so `c` stays out of the list.
    if (completion_.mark_has_callbacks()) {
      callbacks_.add(c);
    } else {
      c.notify();
    }
  }
  /// Cancels the call for a task or a combination that is cancelled, and so will not read it. That
  /// the bridge has stopped is expected then, and not reported; any other failure is.
  void give_up() noexcept;
  /// give_up(), and drops the handle, which the caller hands over. Calls that are given up by that
  /// (a combination's parts, and their parts) follow one after the other, in constant stack.
  static void give_up_handle(call_base& handle) noexcept;
  /// Drops the handle. A failure that nobody has read reaches the hook.
  void drop_handle() noexcept {
    if (completion_.release_handle()) retire();
  }
  /// The outcome has been read. Relaxed: it orders nothing, and the drop comes after.
  void mark_read() noexcept { read_.store(true, std::memory_order_relaxed); }
  /// Once it is done. Does not count as reading.
  virtual bool has_value() const noexcept = 0;
  /// Once it is done: what it failed with; null if it has a value. Counts as reading.
  virtual std::exception_ptr error() noexcept = 0;

  // The loop's side.

  /// Publishes the outcome, or waits for the deferred that the callable has returned. Called by the
  /// library alone, when run() or refuse() has returned this: once the answer is there, the program
  /// may unload what was instantiated for it. So the two below, which are in each vtable, are not
  /// inline.
  void finish() noexcept { answer_ ? wait_for_answer() : complete(completion::running); }
  void complete_waiting() noexcept final;
  void fail_waiting(status s) noexcept final;

  /// For wait_chain: how far it is, and, where it is `waiting`, the deferred that answers it.
  completion::phase how_far() const noexcept { return completion_.how_far(); }
  const deferred_base& answer() const noexcept { return *answer_; }

 protected:
  call_base(loop_core& core, std::source_location where) noexcept : core_(core), where_(where) {}
  ~call_base() = default;

  /// By run() and refuse(): false if the call was cancelled while queued, and is let go.
  bool start() noexcept {
    if (completion_.try_start()) return true;
    if (completion_.release_loop()) destroy();
    return false;
  }
  /// Awake for a moment, if that pays, then asleep. False: as completion::wait.
  bool spin_then_sleep(deadline until, const interrupt_flag* by = nullptr) noexcept;

  virtual void set_failure(status s) noexcept = 0;
  virtual std::exception_ptr error_to_report() const noexcept = 0;  ///< null: a value, cancelled
  virtual void discard_callable() noexcept = 0;
  virtual void destroy() noexcept = 0;

  loop_core& core_;
  const std::source_location where_;
  /// What the callable returned, where that was a deferred or a task. Written by the loop before
  /// `waiting`, read by a canceller after it.
  ref_ptr<deferred_base> answer_;
  completion completion_;

 private:
  /// `from` -> done: releases the waiter, and frees the call if its handle is gone. Touch nothing
  /// of it afterwards.
  void complete(completion::phase from) noexcept {
    const completion::published p = completion_.publish_or_hold(from);
    if (p.has_callbacks) callbacks_.notify_all();
    if (p.has_callbacks ? completion_.release_loop() : p.handle_gone) retire();
  }
  /// The time was up, or `by` was tripped. Returns if it is done after all.
  void end_wait(std::chrono::nanoseconds timeout, const interrupt_flag* by);
  missing what_is_missing() const noexcept;
  void wait_for_answer() noexcept;
  void retire() noexcept {  // both sides have let go
    report_if_unread();
    destroy();
  }
  void report_if_unread() noexcept;

  std::atomic<bool> read_{false};
  completion_callbacks callbacks_;
  call_base* next_given_up_ = nullptr;  ///< in a list of calls: see give_up_handle()
};

/// By a callable that returns a task, which this starts, or an eventual. Null: that has ended, and
/// `result` has what it gave. In started_task.hpp, which task.hpp includes, and in eventual.hpp.
template <class T, class Bound>
deferred_ptr<T> start_task(loop_core& core, std::source_location where, Bound& callable,
                           outcome<T>& result);
template <class T>
deferred_ptr<T> await_eventual(loop_core& core, eventual<T>&& before, outcome<T>& result);

/// A call with its outcome.
template <class T>
class result : public call_base {
 public:
  typename outcome<T>::view look() {
    mark_read();
    return outcome_.look(where_);
  }
  T take() {
    mark_read();
    return outcome_.take(where_);
  }
  std::exception_ptr error() noexcept final {
    mark_read();
    return outcome_.error(where_);
  }
  bool has_value() const noexcept final { return outcome_.has_value(); }
  /// Once it is done: was it cancelled, or did its bridge stop? Does not count as reading.
  bool was_stopped() const noexcept {
    return outcome_.is(status::cancelled) || outcome_.is(status::bridge_stopped);
  }

 protected:
  using call_base::call_base;
  ~result() = default;

  /// Loop: runs the callable; its outcome is here then, or `answer_` is what it returned.
  template <class Bound>
  void run_callable(Bound& callable) noexcept {
    using returned = answer_of<std::remove_cv_t<typename Bound::result_type>>;
    if constexpr (!returned::is_deferred) {
      outcome_.capture([&]() -> T {
        const running_callable watched(core_, where_);
        return callable(core_.loop());
      });
    } else {
      outcome_.set(status::broken);  // what an empty deferred amounts to
      try {
        const running_callable watched(core_, where_);
        if constexpr (returned::is_task) {
          answered_by(start_task<T>(core_, where_, callable, outcome_));
        } else if constexpr (returned::is_eventual) {
          answered_by(await_eventual<T>(core_, callable(core_.loop()), outcome_));
        } else {
          answered_by(callable(core_.loop()).release());
        }
      } catch (...) {
        outcome_.set(std::current_exception());
      }
    }
  }

  /// Loop: by `answer`; null: the outcome is here.
  void answered_by(deferred_ptr<T> answer) noexcept {
    if (!answer) return;
    if (answer->is_settled()) {  // nobody need be able to find it
      outcome_.take_over(std::move(answer->own_outcome()));
    } else {
      answer_ = ref_ptr<deferred_base>::adopt(answer.release());
    }
  }

  void set_failure(status s) noexcept final { outcome_.set(s); }
  void take_from(deferred_base& answer) noexcept final {
    outcome_.take_over(std::move(static_cast<deferred_state<T>&>(answer).own_outcome()));
  }

 private:
  std::exception_ptr error_to_report() const noexcept final {
    return outcome_.is(status::cancelled) ? nullptr : outcome_.error(where_);
  }

  outcome<T> outcome_;
};

/// A call with its callable: what submit and call have in common.
template <class Bound>
class call_with_result : public result<answer_t<Bound>> {
 public:
  call_base* run(loop_core& core) noexcept override {
    if (!this->start()) {
      core.counts().cancelled_in_queue.add_alone();
      return nullptr;
    }
    this->run_callable(callable_.value);
    discard_callable();
    return this;
  }
  call_base* refuse(loop_core&) noexcept override {
    if (!this->start()) return nullptr;
    discard_callable();
    this->set_failure(status::bridge_stopped);
    return this;
  }

  /// The callable, of a call that was refused at its submission: what it owns goes back.
  Bound& callable() noexcept { return callable_.value; }

 protected:
  template <class F>
  explicit call_with_result(loop_core& core, std::source_location where, F&& f)
      : result<answer_t<Bound>>(core, where), callable_(std::in_place, std::forward<F>(f)) {}
  ~call_with_result() = default;

  void discard_callable() noexcept override { callable_.destroy(); }

 private:
  manual_lifetime<Bound> callable_;
};

/// submit: holds the core, for a handle that outlives the bridge.
template <class Bound>
class submitted_call final : public call_with_result<Bound> {
 public:
  template <class F>
  explicit submitted_call(loop_core& core, std::source_location where, F&& f)
      : call_with_result<Bound>(core, where, std::forward<F>(f)) {
    core.add_ref();
  }

  /// The inbox refused it: destroys the callable and frees the block.
  void undo() noexcept {
    this->discard_callable();
    destroy();
  }

 private:
  void destroy() noexcept override {
    loop_core& core = this->core_;
    destroy_in_block(this, core.memory());
    core.release_ref();
  }
};

}  // namespace loopbridge::detail
