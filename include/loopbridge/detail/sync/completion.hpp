#pragma once

#include <atomic>
#include <cstdint>

#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"

namespace loopbridge::detail {

class interrupt_flag;

/// How far a call has come, and which side frees it: one word, so that starting, cancelling,
/// completing, timing out and stopping are each decided by one atomic operation on it.
///
/// Home of `word_`. The low three bits are the phase:
///
///   queued    in the list. The loop may start it, the holder of the handle may cancel it.
///   running   the loop is in the callable. Only the loop goes on from here.
///   waiting   the callable returned a deferred. The claimer of the deferred completes.
///   settling  the canceller of a queued call is writing its outcome.
///   done      the outcome is there, for good.
///
/// and above them stand marks that are only ever set:
///
///   sleeper      a thread sleeps on the word; set by waiters before `done`
///   cancel       asked while running: a deferred that the callable returns is cancelled at once
///   loop_gone    the loop's side has let go of the call
///   handle_gone  the handle was dropped; whichever of these two is set second frees the call
///   callbacks    there is a callback to notify of `done`: see completion_callback
///
/// The completer writes the outcome, then adds `done` with release; readers of `done` acquire, so
/// they see the outcome and everything done before it on the completing thread. All writes but
/// reset() are read-modify-writes, so that this holds whatever marks were set since.
class completion {
 public:
  enum phase : std::uint32_t { queued = 0, running = 1, waiting = 2, settling = 3, done = 4 };

  bool is_done() const noexcept {
    return phase_of(word_.load(std::memory_order_acquire)) == done;  // pairs with publish()
  }

  /// It may be further by now: for messages, and for wait_chain, in whose seq_cst order it is. Any
  /// thread.
  phase how_far() const noexcept { return phase_of(word_.load()); }

  /// Loop: queued -> running. False: it was cancelled meanwhile.
  bool try_start() noexcept { return move_from_queued(running); }

  /// Canceller: queued -> settling. False: too late, it runs or has run.
  bool try_claim_queued() noexcept { return move_from_queued(settling); }

  /// Loop: running -> waiting. True: it was asked meanwhile to cancel.
  bool start_waiting() noexcept {
    // release: the canceller that reads `waiting` reads where the deferred is; pairs with
    // request_cancel(). seq_cst: it comes before the loop's look for waits without end. A thread
    // that begins such a wait says so first and then looks at this, by how_far(): see wait_chain.
    return (word_.fetch_add(waiting - running, std::memory_order_seq_cst) & cancel_mark) != 0;
  }

  /// Canceller: leaves the wish to cancel, and says how far the call has come.
  phase request_cancel() noexcept {
    // acquire: pairs with start_waiting() and publish().
    return phase_of(word_.fetch_or(cancel_mark, std::memory_order_acquire));
  }

  /// The completer: `from` -> done, and wakes all waiters. `releases_loop` also lets go of the
  /// loop's side. True: the handle is gone, so the caller must free the call; otherwise the call
  /// may be gone by the time this returns.
  bool publish(phase from, bool releases_loop) noexcept {
    // Additions, because nobody else changes the phase now and the marks must survive.
    // release: publishes the outcome; pairs with is_done() and wait(). acquire: if the handle is
    // gone, what its last user did to the call happens before it is freed here; pairs with
    // release_handle(). The same operation reads whether there are sleepers: afterwards the call
    // may be gone.
    const std::uint32_t old = word_.fetch_add((done - from) + (releases_loop ? loop_gone_mark : 0),
                                              std::memory_order_acq_rel);
    wake_sleepers(old);
    return (old & handle_gone_mark) != 0;
  }

  /// publish() for calls that may have callbacks. `has_callbacks`: the loop's side was not let go
  /// of, so that the call is there until they are notified and release_loop() says what became of
  /// it.
  struct published {
    bool handle_gone;
    bool has_callbacks;
  };
  published publish_or_hold(phase from) noexcept {
    std::uint32_t old = word_.load(std::memory_order_relaxed);
    // Not an addition, as in publish(): whether there are any must hold at the moment of `done`.
    // The order is that of publish(): pairs with is_done(), wait() and release_handle().
    while (!word_.compare_exchange_weak(
        old, old + (done - from) + ((old & callbacks_mark) != 0 ? 0 : loop_gone_mark),
        std::memory_order_acq_rel, std::memory_order_relaxed)) {  // as publish()
    }
    wake_sleepers(old);
    return {(old & handle_gone_mark) != 0, (old & callbacks_mark) != 0};
  }

  /// Holder of the handle, before a callback is added: has the completer look. False: it is done.
  bool mark_has_callbacks() noexcept { return phase_of(word_.fetch_or(callbacks_mark)) != done; }
  /// Holder of the handle, once it has completed: was a callback added before that? Relaxed: it is
  /// about one word, and sees at least what the caller's own publish() saw.
  bool has_callbacks() const noexcept {
    return (word_.load(std::memory_order_relaxed) & callbacks_mark) != 0;
  }

  /// Loop: found a cancelled call in its list. True: the caller must free it.
  bool release_loop() noexcept {
    // acq_rel: the second of the two to let go frees, after all that the first one did; pairs with
    // release_handle().
    return (word_.fetch_or(loop_gone_mark, std::memory_order_acq_rel) & handle_gone_mark) != 0;
  }

  /// Handle: gone. True: the caller must free the call, which has ended. acq_rel: pairs with
  /// release_loop() and publish().
  bool release_handle() noexcept {
    return (word_.fetch_or(handle_gone_mark, std::memory_order_acq_rel) & loop_gone_mark) != 0;
  }

  /// Makes the word new for the next use of a slot. Its claimer, before anyone else sees it.
  void reset() noexcept { word_.store(queued, std::memory_order_relaxed); }

  /// Waits for `done`; false: the deadline came first, or this is not `process`, but a child that a
  /// handler forked out of this very wait, where nobody will answer.
  /// Any number of waiters, any thread, and, given a deadline, any handler. `by`, if there is one,
  /// ends the wait early: false, too.
  bool wait(deadline until, const process_mark& process,
            const interrupt_flag* by = nullptr) noexcept;

 private:
  static constexpr std::uint32_t phase_mask = 7;
  static constexpr std::uint32_t sleeper_mark = 8;
  static constexpr std::uint32_t cancel_mark = 16;
  static constexpr std::uint32_t loop_gone_mark = 32;
  static constexpr std::uint32_t handle_gone_mark = 64;
  static constexpr std::uint32_t callbacks_mark = 128;

  void wake_sleepers(std::uint32_t old) const noexcept {
    if ((old & sleeper_mark) != 0) wake_all(word_);
  }
  /// Only the address of `word` is used: the call may be gone.
  static void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

  static phase phase_of(std::uint32_t word) noexcept { return phase(word & phase_mask); }

  /// Relaxed: it decides and orders nothing. The callable came to the loop by the list, and to a
  /// canceller with the handle.
  bool move_from_queued(phase to) noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    while (phase_of(word) == queued) {
      if (word_.compare_exchange_weak(word, word + to, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  std::atomic<std::uint32_t> word_{queued};
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
};

}  // namespace loopbridge::detail
