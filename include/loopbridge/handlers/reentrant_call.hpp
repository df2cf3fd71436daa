#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/handlers/reentrant_state.hpp"

namespace loopbridge {

/// A call that may be fired from a signal handler, at any instruction.
///
/// Everything that post() needs is reserved when the reentrant_call is made. So a firing cannot
/// fail while the bridge lives. Make one per signal, or per object that is finalized.
///
/// Thread   post, call_for, coalesced: anywhere, in handlers and finalizers too. All others: any
///          ordinary thread. Do not move or destroy it while it may be fired.
/// Order    Firings that come before the loop gets to the callable are coalesced: one run answers
///          them, and gets their number. A run has the position of the first queued firing that it
///          answers, in the order of all calls. Later firings come along, ahead of calls that were
///          submitted in between. A firing that comes while the callable runs leads to one more
///          run. A firing that waits (call_for) is queued separately, and its own run answers it.
///          That run takes along every firing of post() that no run has answered yet.
///
///   worked count: five firings in a row, the loop busy: the callable runs once, with firings == 5
///   another: a call_for(), then two firings by post(), the loop busy: the callable runs once, at
///   the position of the call_for, with firings == 3
///
/// Callable It is called with what it accepts of (loop_ref, std::uint64_t firings), on the loop
///          thread. `firings` is how many firings this run answers, at least 1. The numbers of
///          all runs add up to the firings accepted. The callable is kept, and called as an lvalue
///          each time. What it throws goes to options::on_unhandled_error. The thread that
///          destroys the reentrant_call destroys the callable; if a firing was queued then, the
///          loop thread does.
/// After the end   An accepted firing runs, or goes to options::on_unhandled_error as
///          `bridge_stopped`, with the place of the reentrant_call. One of the two has happened
///          when the bridge has ended. That holds even if the reentrant_call is never destroyed,
///          and wherever a frame that fired it was interrupted. A reentrant_call may outlive its
///          bridge: later firings get `bridge_stopped`. Destroying a reentrant_call does not wait:
///          accepted firings still run.
class reentrant_call {
 public:
  /// Reserves the call, with all memory that its firings need.
  /// Thread   any ordinary thread
  /// Throws   std::bad_alloc, and what moving `f` throws
  template <class F>
  reentrant_call(const bridge& b, F&& f,
                 std::source_location where = std::source_location::current())
      : state_(make(detail::bridge_access::core(b), std::forward<F>(f), where)) {}

  /// Fires: `accepted`, `bridge_stopped` or `wrong_process`. Takes no lock, allocates nothing, and
  /// keeps errno. After a move the old object answers `bridge_stopped`.
  /// Thread   anywhere, at any instruction
  status post() noexcept { return state_ ? state_->fire() : status::bridge_stopped; }

  /// Fires, and waits until the callable has run for this firing, at most for `timeout`.
  ///
  ///   answered         the callable has run
  ///   timed_out        it will still run, or be reported if the bridge stops
  ///   bridge_stopped   the bridge has stopped: it did not run
  ///   wrong_process    this is a forked child
  ///   would_deadlock   this is the loop thread: it did not wait
  ///   unsupported      the doorbell cannot promise to wake the loop: see doorbell::uv_async
  ///   exhausted        16 waits on this reentrant_call are under way
  ///
  /// Thread   anywhere but on the loop thread, at any instruction
  /// Blocks   Until the loop has run the callables that are queued ahead, and this one. A deadline
  ///          is required, since one of them may need what the interrupted code holds: if it
  ///          allocates, and the handler has interrupted malloc, only the deadline ends the wait.
  template <class Rep, class Period>
  status call_for(std::chrono::duration<Rep, Period> timeout) noexcept {
    return state_ ? state_->fire_and_wait(detail::deadline_after(timeout)) : status::bridge_stopped;
  }

  void call_for(detail::no_duration) noexcept {}  // wrong, and says so

  /// How many firings found another one queued, and were added to it.
  /// Thread   anywhere, at any instruction
  std::uint64_t coalesced() const noexcept { return state_ ? state_->coalesced() : 0; }

 private:
  template <class F>
  static detail::ref_ptr<detail::reentrant_state> make(detail::loop_core& core, F&& f,
                                                       std::source_location where) {
    auto* const made = detail::make_in_block<detail::reentrant_state_of<std::decay_t<F>>>(
        core.memory(), core, where, std::forward<F>(f));
    core.register_firings(*made);
    return detail::ref_ptr<detail::reentrant_state>::adopt(made);
  }

  detail::ref_ptr<detail::reentrant_state> state_;
};

}  // namespace loopbridge
