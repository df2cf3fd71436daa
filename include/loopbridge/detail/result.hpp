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
  /// done), after `done`. May free the watcher and drop the handle.
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
  bool wait(deadline until, const interruption* by = nullptr);
  /// The same, but throws `interrupted`, or `timed_out`, which says how far the call has come.
  void wait_within(std::chrono::nanoseconds timeout, const interruption* by = nullptr);
  missing what_is_missing() const noexcept;
  /// The same in two steps, for a wait that was checked before there was a call: announce() before
  /// the submission ...
  void announce(blocking_wait& waiting) const noexcept { waiting.is_for(completion_); }
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
  /// The holder of the handle lets go. What it did not read and failed reaches the hook.
  void drop_handle() noexcept;

  /// Somebody has seen how it ended. Relaxed: it orders nothing, and the drop comes after.
  void mark_read() noexcept { read_.store(true, std::memory_order_relaxed); }

  /// By the core, for a deferred that it claimed: waiting -> done with this failure.
  void fail_waiting(failure f) noexcept;

 protected:
  result_base(core_base& core, place where) noexcept : core_(core), where_(where) {}
  ~result_base() {
    if (source_ != nullptr) source_->release_ref();
  }

  bool wait_for_completion(deadline until, const interruption* by = nullptr) noexcept;
  /// `from` -> done; frees the call if the handle is gone. Touch nothing of it afterwards.
  void complete(completion::phase from) noexcept;
  /// For run() and refuse(): false if the call was cancelled while queued, and is let go.
  bool start() noexcept;

  virtual void set_failure(failure f) noexcept = 0;
  virtual std::exception_ptr error_to_report() const noexcept = 0;  ///< null: a value, cancelled
  virtual void discard_callable() noexcept = 0;
  virtual void destroy() noexcept = 0;

  core_base& core_;
  const place where_;
  completion completion_;
  /// The deferred that the callable returned, held: written by the loop before `waiting`, read by
  /// a canceller after it.
  deferred_base* source_ = nullptr;

 private:
  void report_if_unread() noexcept;
  void tell_watchers() noexcept;

  std::atomic<bool> read_{false};
  /// Home: the last one to come, in front of those before it; `told`, for good, once they were told
  /// (by whoever puts that there) or the call is done and none had come. Default orders.
  std::atomic<watcher*> watchers_{nullptr};
  static watcher* told() noexcept;
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
  explicit deferred_state(std::pmr::memory_resource* memory) noexcept : deferred_base(memory) {}

  /// Completer: stores what `fill` puts into the outcome. False: it was settled or cancelled.
  template <class Fill>
  bool settle(Fill&& fill) noexcept {
    if (!claim_as_resolved()) return false;
    std::forward<Fill>(fill)(outcome_);
    // Pairs with attach(): release for the outcome, acquire for the call and core_.
    const std::uintptr_t call = link_.exchange(settled_mark, std::memory_order_acq_rel);
    if (call == 0) return true;  // the loop has yet to attach the call, and will pass it on
    core_base& core = *core_;    // read before the call can be gone
    reinterpret_cast<result<T>*>(call)->complete_with(std::move(outcome_));
    core.delist_later(*this);
    return true;
  }

  /// Loop: is the outcome there? Only of use before attach().
  bool is_settled() const noexcept { return link_.load() == settled_mark; }
  /// Loop: this answers `call`. False: it is settled already, and the caller takes the outcome.
  bool attach(result<T>& call) noexcept {
    std::uintptr_t none = 0;
    // Pairs with settle(): release for the call and core_, acquire for the outcome.
    return link_.compare_exchange_strong(none, reinterpret_cast<std::uintptr_t>(&call),
                                         std::memory_order_release, std::memory_order_acquire);
  }
  void set_call(core_base& core, place where) noexcept {
    core_ = core_ptr(core);
    where_ = where;
  }
  outcome<T>& settled_outcome() noexcept { return outcome_; }

  void fail_as_stopped() noexcept override {
    // Relaxed: attached in an earlier turn, and the caller has the turn.
    reinterpret_cast<result<T>*>(link_.load(std::memory_order_relaxed))
        ->fail_waiting(failure::stopped);
  }

 protected:
  void destroy() noexcept override { destroy_in_block(this, memory_); }

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
  std::exception_ptr error() {
    mark_read();
    return outcome_.error(where_);
  }

  /// By a task that is cancelled, and so will not look: cancels it. That its bridge has stopped is
  /// no news then, and not reported; any other failure is.
  void give_up() noexcept {
    if (!cancel() && is_ready() && tells_of_an_end(outcome_.error(where_))) mark_read();
  }

  /// Once it is done; counts as no look.
  bool has_value() const noexcept { return outcome_.has_value(); }

  /// By the completer of the deferred that the callable returned.
  void complete_with(outcome<T>&& o) noexcept {
    outcome_.take_over(std::move(o));
    complete(completion::waiting);
  }

 protected:
  using result_base::result_base;
  ~result() = default;

  /// Loop: runs the callable and completes, or waits for the deferred that it returned.
  template <class Bound>
  void run_callable(Bound& callable) noexcept {
    if constexpr (!answer_of<std::remove_cv_t<typename Bound::result_type>>::is_deferred) {
      outcome_.capture([&]() -> T {
        const watched_call watched(core_, where_);
        return callable(core_.loop());
      });
      discard_callable();
      complete(completion::running);
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
      discard_callable();
      if (answer == nullptr) {
        complete(completion::running);
      } else if (answer->is_settled()) {  // nobody need be able to find it
        outcome_.take_over(std::move(answer->settled_outcome()));
        answer->release_ref();
        complete(completion::running);
      } else {
        wait_for_answer(*answer);
      }
    }
  }

  void set_failure(failure f) noexcept final { outcome_.set(f); }

  /// Loop, in the callable's place: running -> waiting, until `answer` is settled. Takes over the
  /// caller's hold of it.
  void wait_for_answer(deferred_state<T>& answer) noexcept {
    core_base& core = core_;
    source_ = &answer;
    answer.set_call(core, where_);
    core.enlist(answer);
    const bool cancel_asked = completion_.start_waiting();
    // From here a canceller on another thread may complete this call, and its owner free it; only
    // the address is used until the deferred says that it is ours. The register holds `answer`.
    if (!answer.attach(*this)) {
      core.delist(answer);  // source_ still holds it
      complete_with(std::move(answer.settled_outcome()));
    } else if (cancel_asked && answer.claim_as_cancelled()) {
      core.delist(answer);
      fail_waiting(failure::cancelled);
    }
  }

 private:
  std::exception_ptr error_to_report() const noexcept final {
    return outcome_.is(failure::cancelled) ? nullptr : outcome_.error(where_);
  }

  outcome<T> outcome_;
};

}  // namespace loopbridge::detail
