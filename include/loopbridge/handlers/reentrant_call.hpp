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

/// A call that is paid for in advance, for signal handlers, finalizers and destructors.
///
/// Everything that post() needs is reserved when the reentrant_call is made, so that firing it
/// cannot fail while its bridge lives. Make one per signal, or per object that is finalized.
///
/// A firing that was accepted runs, unless the bridge stops before: then it may go to
/// options::on_unhandled_error instead, as `bridge_stopped`, with the place of the reentrant_call.
/// One of the two has happened when the bridge has ended, whether or not the reentrant_call is ever
/// destroyed, and wherever a frame that fired it was interrupted.
///
/// Firings that come before the loop gets to the callable are coalesced into one run and counted.
/// The callable is called with what it accepts of (loop_ref, std::uint64_t firings): firings is how
/// many it answers, at least 1; all runs' together are the firings accepted. Firing while the
/// callable runs leads to one more run. What it throws goes to options::on_unhandled_error. The
/// callable is kept, and called as an lvalue each time.
///
/// A run has the place, in the order of all calls, of the first firing that it answers: those that
/// came after it come along, ahead of calls that were submitted in between.
///
///   worked count: five firings in a row, the loop busy: the callable runs once, with firings == 5
///
/// Movable and destroyable by ordinary threads, not while it may be fired. Destroying it does not
/// wait: firings already accepted still run. The callable is destroyed by the thread that destroys
/// the reentrant_call, or on the loop thread if a firing was queued then. It may outlive its
/// bridge.
class reentrant_call {
 public:
  /// Reserves the call. Ordinary threads. Throws std::bad_alloc, or what moving `f` throws.
  template <class F>
  reentrant_call(const bridge& b, F&& f,
                 std::source_location where = std::source_location::current())
      : state_(make(detail::bridge_access::core(b), std::forward<F>(f), where)) {}

  /// Fires: `accepted`, `stopped` or `wrong_process`. Anywhere: threads, handlers, finalizers, at
  /// any instruction. No lock, no allocation; errno is kept. (A moved-from one is `stopped`.)
  status post() noexcept { return state_ ? state_->fire() : status::bridge_stopped; }

  /// Fires and waits until the callable has run for it, at most for `timeout`. Anywhere that post()
  /// may be called, but for the loop's thread. A deadline is required, because the loop may depend
  /// on what the interrupted code holds: the callables queued ahead run first, and if one of them
  /// needs malloc's lock, and the handler interrupted malloc, only the deadline ends the wait.
  ///
  /// `answered`; or it did not wait: `stopped`, `wrong_process`, `would_deadlock` (the loop's
  /// thread), `unsupported` (doorbell::uv_async: see there), `exhausted` (16 waits on this call
  /// are under way); or `timed_out`: it will still run, or be reported if the bridge stops.
  template <class Rep, class Period>
  status call_for(std::chrono::duration<Rep, Period> timeout) noexcept {
    return state_ ? state_->fire_and_wait(detail::deadline_after(timeout)) : status::bridge_stopped;
  }

  void call_for(detail::no_duration) noexcept {}  // wrong, and says so

  /// How many firings found another one queued and were added to it. Any thread, any handler.
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
