#include <utility>

#include "loop/core.hpp"
#include "loop/in_callable.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/deferred_state.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

// How a bridge ends. stop() closes the list, in one atomic operation: from then on every
// submission is refused, and what was accepted is in the list, the running batch or the register
// of deferreds. The loop then ends all of that (end_on_loop), in this order:
//
//   1. what is queued runs, or is refused          no call is left
//      firings of which neither came are reported  see reentrant_state
//   2. deferreds fail, their cancel hooks run      no waiter is left
//      tasks that were shielded are cancelled      no task is left that would not end
//      functions given to at_stop() run,         the last one first
//      and owned objects are destroyed
//   3. our handles are closed                      no ring touches one any more
//   4. the program's handles are reported, closed; requests at work are waited for; the loop closes
namespace loopbridge::detail {

void core::stop() {
  if (!is_this_process()) throw_error(status::wrong_process);
  close();
  if (on_loop_thread()) {
    if (adopted_ && !draining_) {
      end_turns();
    } else {
      wake();  // rings only if this is a prepare callback that runs after ours
    }
    return;
  }
  wake();
  if (gate_) gate_->let_all_go();
  if (adopted_) return release_waiters_from_elsewhere();
  const blocking_wait waiting(*this, {}, blocking_wait::how::endless, &ended_);
  if (!ended_.wait(no_deadline, process()))
    throw_error(status::wrong_process);  // forked by a handler
  const platform::cancellation_disabled while_joining;
  const std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.join();
  if (watch_) watch_->join();
}

void core::stop_reentrant() noexcept {
  if (!is_this_process()) return;
  close();
  wake();
}

void core::end() noexcept {
  const platform::cancellation_disabled while_ending;
  try {
    stop();
  } catch (...) {
    // would_deadlock, or no memory to say so: the loop waits for the caller, so it cannot be
    // joined, but it will end. Or wrong_process.
  }
  if (!is_this_process()) {
    // The thread does not exist here. What it held of the core it will never release, so the core
    // stays, untouched, like the rest of the parent's memory; only the bridge's own hold goes.
    add_ref();
    return;
  }
  const std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.detach();
}

/// Ends everything on this thread, which is the loop's, outside an iteration. At most once.
void core::end_turns() noexcept {
  close();
  if (!turns_ended_) {
    // Another thread may be releasing the waiters of an adopted loop. When this returns, that is
    // done too, and the handles are closed.
    if (!drain_lock_.take(process())) return;
    draining_ = true;
    // The program has closed all handles, and perhaps the loop: nothing can run on it any more.
    if (adopted_ && handles_.closed_by_the_program()) opts_.on_stop = queued_calls::refuse;
    run_batch();
    end_on_loop();
    draining_ = false;
    drain_lock_.give_back();
  }
  if (!adopted_) reports_.close(loop());
}

void core::end_on_loop() noexcept {
  const platform::cancellation_disabled while_running;  // as in run_batch(), for the hooks
  const in_callable of_this(*this);
  run_batch();  // the list is closed: the last batch
  firings_.end_all(*this);
  deferreds_.end_all();
  while (end_hooks_ != nullptr) {
    end_hook& h = *end_hooks_;
    remove(h);
    h.bridge_ends();
  }
  stops_.end_all(*this);
  disarm();
  if (watch_) watch_->end();
  turns_ended_ = true;
  handles_.close();
  if (!adopted_) {
    uv_stop(loop());
  } else {
    forget_loop_thread();  // which may end, and this bridge will not hear of it
    ended_.publish(completion::queued, false);
  }
}

/// Ends what is queued without running it. By the holder of the drain lock.
void core::refuse(operation& n) noexcept {
  counts_.ended.add_alone();
  counts_.refused_at_end.add_alone();
  if (call_base* const ended = n.refuse(*this); ended != nullptr) ended->finish();
}

/// stop() on another thread than the adopted loop's, which may never turn again: releases all
/// waiters here. If the loop holds the drain lock, it sees that the list is closed when it gives
/// the lock back.
void core::release_waiters_from_elsewhere() noexcept {
  if (!drain_lock_.try_take()) return;
  take_batch();
  while (operation* const n = batch_.pop()) refuse(*n);
  firings_.end_all(*this);
  deferreds_.fail_all();
  drain_lock_.give_back();
}

}  // namespace loopbridge::detail
