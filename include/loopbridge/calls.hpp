#pragma once

#include <chrono>
#include <source_location>
#include <utility>

#include "loopbridge/bridge.hpp"

// bridge::call() in two other forms.
namespace loopbridge {

/// bridge::call() for code that may be on the loop already: there it runs `f` at once, as any
/// function, and elsewhere it is call(). For functions that both the loop and other threads use.
///
/// On the loop it does not wait its turn: `f` runs ahead of all that is queued, in the middle of
/// what runs now. So it is no call(), which throws `would_deadlock` there. `f` returns its result
/// itself: what comes later cannot be waited for on the loop.
///
/// Thread   any ordinary thread
/// Blocks   as call() elsewhere than on the loop; there it does not.
/// Throws   what `f` throws; on other threads also what call() throws: `would_deadlock`,
///          `bridge_stopped`, `wrong_process`, `bridge_full`.
/// After the end   on the loop's thread it runs `f` still while the bridge stops, in destructors of
///          what is queued, say. Then `bridge_stopped`.
template <class F>
call_result_t<F> call_or_run(bridge& b, F&& f,
                             std::source_location where = std::source_location::current()) {
  using bound = detail::bound_call_of<F>;
  static_assert(!detail::is_later<typename bound::result_type>,
                "call_or_run() takes a function that returns its result: on the loop a deferred or "
                "a task cannot be waited for; use submit(), and go on in then() or a task");
  detail::loop_core& core = detail::bridge_access::core(b);
  if (!core.on_loop_thread() || !core.is_this_process()) {
    return detail::call_on(core, where, std::forward<F>(f));
  }
  const detail::running_callable watched(core, where);
  return bound(std::forward<F>(f))(core.loop());
}

/// bridge::call_for() with a point in time in place of a timeout: for one deadline over several
/// calls. One that is past is no time at all.
///
/// Thread   any ordinary thread but the loop's
/// Blocks   until the call has ended or the time has come, the wait for room included.
/// Throws   `timed_out`, whose message says how long that was from this call; `would_deadlock`,
///          `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
///          capacity, `bridge_full`. Later, what the call ends with.
template <class Duration, class F>
call_result_t<F> call_until(bridge& b,
                            std::chrono::time_point<std::chrono::steady_clock, Duration> until,
                            F&& f, std::source_location where = std::source_location::current()) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  // Compared as spans: no cast of a time that the clock cannot tell overflows so.
  const std::chrono::nanoseconds at = detail::in_nanoseconds(until.time_since_epoch());
  const auto timeout = at == detail::for_ever ? at : at > now ? at - now : at.zero();
  return detail::call_on_until(detail::bridge_access::core(b),
                               detail::submit_options::within(timeout), where, std::forward<F>(f));
}

// Wrong uses, with an error that names the fix.
template <class Clock, class Duration, class F>
  requires(!std::is_same_v<Clock, std::chrono::steady_clock>)
void call_until(bridge&, std::chrono::time_point<Clock, Duration>, F&&) {
  static_assert(detail::never<Clock>,
                "a deadline is a time of std::chrono::steady_clock: other clocks may be set");
}
template <class Rep, class Period, class F>
void call_until(bridge&, std::chrono::duration<Rep, Period>, F&&) {
  static_assert(detail::never<Rep>,
                "call_until() takes a point in time: a timeout is call_for()'s");
}

}  // namespace loopbridge
