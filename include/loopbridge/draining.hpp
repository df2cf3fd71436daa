#pragma once

#include <chrono>

#include "loopbridge/bridge.hpp"

// A stop that lets what runs come to its end. bridge::stop() ends it: calls that wait for a
// deferred or a task are answered `bridge_stopped`, and tasks are cancelled.
//
//   if (!loopbridge::stop_within(bridge, 10s)) std::puts("some requests were cut off");
namespace loopbridge {
namespace detail {
void stop_when_idle(loop_core& core);
bool stop_within(loop_core& core, std::chrono::nanoseconds time);
}  // namespace detail

/// From now on the bridge takes no calls from outside: every thread but the loop's, and every
/// handler, is refused as after a stop. What was accepted runs, and what that has begun may end;
/// for that, calls from the loop's thread are accepted still. When nothing is left the bridge stops
/// by itself.
///
/// Left are calls that are queued or wait for their deferred or task, tasks that are shielded, and
/// calls of submit_after() and submit_every(): destroy a repeated_call before. libuv's handles that
/// no call waits for, and coroutines of other libraries, are not looked at.
///
/// Thread   any ordinary thread, the loop's too. It may be called again.
/// Blocks   never: stop_within() waits, as do stop(), which ends what is left, and the destructor.
/// Throws   `wrong_process`; `no_state` for a bridge that was moved from.
/// Order    after the calls that were accepted before
/// Adopted  the bridge stops at the end of the loop's turn in which nothing is left.
inline void stop_when_idle(bridge& b) {
  detail::stop_when_idle(detail::bridge_access::core(b));
}

/// stop_when_idle(), and waits for it until the time is up. Then it is stop(), in any case.
///
/// Returns  true: all came to its end. False: the time was up, and what was left ended as stop()
///          ends it.
/// Thread   any ordinary thread but the loop's
/// Blocks   until the loop's thread has ended. Adopted: until the bridge has stopped.
/// Throws   `would_deadlock` on the loop's thread, and on the thread of a loop that this loop waits
///          for; `wrong_process`; `no_state` for a bridge that was moved from.
template <class Rep, class Period>
bool stop_within(bridge& b, std::chrono::duration<Rep, Period> time) {
  return detail::stop_within(detail::bridge_access::core(b), detail::in_nanoseconds(time));
}

// Wrong use, with an error that names the fix.
inline bool stop_within(bridge&, detail::no_duration) {
  return false;
}

}  // namespace loopbridge
