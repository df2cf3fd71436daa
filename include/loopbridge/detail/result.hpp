#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <memory_resource>
#include <utility>

#include "loopbridge/detail/blocking_wait.hpp"
#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/core_base.hpp"
#include "loopbridge/detail/deferred_base.hpp"
#include "loopbridge/detail/invoke.hpp"
#include "loopbridge/detail/outcome.hpp"
#include "loopbridge/detail/watch.hpp"

namespace loopbridge::detail {

/// Who is to be told that a call is done, instead of sleeping for it.
class watcher {
 public:
  /// Once, on the thread that completes the call (or cancels it, or has come to watch as it was
  /// done), after `done`. May free the watcher and drop the handle. It runs nothing of the
  /// program's: it hands on, mostly to a loop.
  virtual void notify() noexcept = 0;

  watcher* next = nullptr;  ///< owned by the call that it watches

 protected:
  watcher() = default;
  watcher(const watcher&) = default;
  watcher& operator=(const watcher&) = default;
  ~watcher() = default;
};

/// A call that somebody may wait for, without its value and its callable.
///
/// It has two owners, the loop's side and the handle, and completion's word says which of them
/// lets go last and frees it. So a result is destroyed by the thread that drops the handle, or, if
/// the handle went first, by the thread that completes the call.
class result_base : public node {
 public:
  bool is_ready() const noexcept { return completion_.is_done(); }
  place where() const noexcept { return where_; }
  core_base& core() const noexcept { return core_; }

  /// False: the deadline came first, or `by` was tripped, if there is one. Throws like
  /// blocking_wait, unless the result is there.
  bool wait(deadline until, const interruption_flag* by = nullptr);
  /// The same, but throws `interrupted`, or `timed_out`, which says how far the call has come.
  void wait_within(std::chrono::nanoseconds timeout, const interruption_flag* by = nullptr);
  missing what_is_missing() const noexcept;
  /// The same in two steps, for a wait that was checked before there was a call: announce() before
  /// the submission ...
  void announce(blocking_wait& waiting) noexcept { waiting.is_for(completion_, *this); }
  /// ... and this after it, which also ends `waiting`. False: forked meanwhile, see completion.
  bool wait_to_the_end(blocking_wait& waiting) noexcept {
    const bool answered = wait_for_completion(no_deadline);
    waiting.end();
    return answered;
  }
  /// Tells `w` when it is done, which it may be already. Who holds the handle; any number may
  /// watch.
  void watch(watcher& w) noexcept;
  /// See eventual::cancel.
  bool cancel() noexcept;
  /// By a task or a combination that is cancelled, and so will not look: cancels it. That its
  /// bridge has stopped is no news then, and not reported; any other failure is.
  void give_up() noexcept;
  /// give_up(), and lets go of the handle, which the caller hands over. What that gives up in turn
  /// (a combination's parts, theirs) follows one after the other, in constant stack.
  static void give_up_handle(result_base& handle) noexcept;
  /// The holder of the handle lets go. What it did not read and failed reaches the hook.
  void drop_handle() noexcept;

  /// Somebody has seen how it ended. Relaxed: it orders nothing, and the drop comes after.
  void mark_read() noexcept { read_.store(true, std::memory_order_relaxed); }

  /// Once it is done. Counts as no look.
  virtual bool has_value() const noexcept = 0;
  /// Once it is done: what it failed with; null if it has a value. Counts as a look.
  virtual std::exception_ptr error() noexcept = 0;

  /// By who has called run(), refuse() or drop(), where that has returned this: the callable is
  /// gone; publishes the outcome, or waits for the deferred that the callable has returned.
  void finish() noexcept;
  /// By the core, for a deferred that it claimed: waiting -> done with this failure.
  void fail_waiting(failure f) noexcept;
  /// By the deferred that answers this: takes its outcome, when it is settled ...
  virtual void take_from(deferred_base& answer) noexcept = 0;
  /// ... and `from` -> done; frees the call if the handle is gone. Touch nothing of it afterwards.
  void complete(completion::phase from) noexcept;

  /// For wait_chain: how far it is, and, where it is `waiting`, the deferred that answers it.
  completion::phase how_far() const noexcept { return completion_.how_far(); }
  const deferred_base& answer() const noexcept { return *source_; }

 protected:
  result_base(core_base& core, place where) noexcept : core_(core), where_(where) {}
  ~result_base() {
    if (source_ != nullptr) source_->release_ref();
  }

  bool wait_for_completion(deadline until, const interruption_flag* by = nullptr) noexcept;
  /// For run() and refuse(): false if the call was cancelled while queued, and is let go.
  bool start() noexcept;

  virtual void set_failure(failure f) noexcept = 0;
  virtual std::exception_ptr error_to_report() const noexcept = 0;  ///< null: a value, cancelled
  virtual void discard_callable() noexcept = 0;
  virtual void destroy() noexcept = 0;

  core_base& core_;
  const place where_;
  completion completion_;

 private:
  void wait_for_answer() noexcept;
  void report_if_unread() noexcept;
  void tell_watchers() noexcept;
  static watcher* told() noexcept;

  std::atomic<bool> read_{false};
  /// Home: the last one to come, in front of those before it; `told`, for good, once they were told
  /// (by whoever puts that there) or the call is done and none had come. Default orders.
  std::atomic<watcher*> watchers_{nullptr};
  result_base* next_given_up_ = nullptr;  ///< in the list of who gives it up: see give_up_handle()

 protected:
  /// The deferred that the callable returned, held: written by the loop before `waiting`, read by
  /// a canceller after it.
  deferred_base* source_ = nullptr;
};

template <class T>
class result;

/// The shared state of deferred<T> and completer<T>.
template <class T>
class deferred_state : public deferred_base {
 public:
  static deferred_state* make(std::pmr::memory_resource* memory) {
    return make_in_block<deferred_state>(memory, memory);
  }
  explicit deferred_state(std::pmr::memory_resource* memory) noexcept
      : deferred_state(memory, this, sizeof(deferred_state), [](deferred_base& d) noexcept {
          static_cast<deferred_state&>(d).outcome_.clear();
        }) {}

  /// Completer: stores what `fill` puts into the outcome, and passes it on. False: it was settled
  /// or cancelled.
  template <class Fill>
  bool settle(Fill&& fill) noexcept {
    if (!claim_as_resolved()) return false;
    std::forward<Fill>(fill)(outcome_);
    deliver();
    return true;
  }

  /// Who has claimed it: where the outcome goes, before deliver().
  outcome<T>& own_outcome() noexcept { return outcome_; }

 protected:
  deferred_state(std::pmr::memory_resource* memory, void* block, std::size_t size,
                 empty_function* how_to_empty) noexcept
      : deferred_base(memory, block, size, how_to_empty) {}

 private:
  outcome<T> outcome_;
};

struct release_deferred {
  void operator()(deferred_base* state) const noexcept { state->release_ref(); }
};
template <class T>
using deferred_ptr = std::unique_ptr<deferred_state<T>, release_deferred>;

/// Starts the task that `callable` returns; its answer, or null: it has ended without waiting, and
/// `result` is what it gave. In task.hpp, where whoever returns a task has that from.
template <class T, class Bound>
deferred_state<T>* start_task(core_base& core, place where, Bound& callable, outcome<T>& result);

/// A call with its outcome.
template <class T>
class result : public result_base {
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

 protected:
  using result_base::result_base;
  ~result() = default;

  /// Loop: runs the callable; its outcome is here then, or `source_` is the deferred that it
  /// returned.
  template <class Bound>
  void run_callable(Bound& callable) noexcept {
    if constexpr (!answer_of<std::remove_cv_t<typename Bound::result_type>>::is_deferred) {
      outcome_.capture([&]() -> T {
        const watched_call watched(core_, where_);
        return callable(core_.loop());
      });
    } else {
      deferred_state<T>* answer = nullptr;
      outcome_.set(failure::broken);  // what an empty deferred amounts to
      try {
        const watched_call watched(core_, where_);
        if constexpr (answer_of<std::remove_cv_t<typename Bound::result_type>>::is_task) {
          answer = start_task<T>(core_, where_, callable, outcome_);
        } else {
          answer = callable(core_.loop()).release();
        }
      } catch (...) {
        outcome_.set(std::current_exception());
      }
      answered_by(answer);
    }
  }

  /// Loop: by `answer`, whose hold is taken over; null: the outcome is here.
  void answered_by(deferred_state<T>* answer) noexcept {
    if (answer == nullptr) return;
    if (answer->is_settled()) {  // nobody need be able to find it
      outcome_.take_over(std::move(answer->own_outcome()));
      answer->release_ref();
    } else {
      source_ = answer;
    }
  }

  void set_failure(failure f) noexcept final { outcome_.set(f); }
  void take_from(deferred_base& answer) noexcept final {
    outcome_.take_over(std::move(static_cast<deferred_state<T>&>(answer).own_outcome()));
  }

 private:
  std::exception_ptr error_to_report() const noexcept final {
    return outcome_.is(failure::cancelled) ? nullptr : outcome_.error(where_);
  }

  outcome<T> outcome_;
};

}  // namespace loopbridge::detail
