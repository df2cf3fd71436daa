#pragma once

#include <source_location>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/results/deferred.hpp"

namespace loopbridge {

/// Makes an eventual of a bare deferred, for code that has got one and wants to wait for it: any
/// thread waits by that, with a deadline or without, cancels, or hands it to then() and when_any().
///
///   loopbridge::completer<int> done;
///   auto answer = loopbridge::to_eventual(bridge, done.get_deferred());
///   start_something(callback, done.release());   // any thread resolves it
///   int n = answer.get_for(5s);
///
/// It is a call of `b`, whose end ends the wait if nobody resolves the deferred.
///
/// Thread   any ordinary thread, the loop's too.
/// Blocks   with a capacity only, for room: see options::patience.
/// Throws   `no_state` for an empty deferred; `bridge_stopped`, `wrong_process`, std::bad_alloc;
///          with a capacity, `bridge_full` and `would_deadlock`. The deferred is gone then: its
///          completer's resolve() returns true, and nobody gets the value.
template <class T>
eventual<T> to_eventual(bridge& b, deferred<T>&& d,
                        std::source_location where = std::source_location::current()) {
  if (!d) detail::throw_no_state("to_eventual() was given an empty deferred: it was moved from");
  return detail::submit_to(detail::bridge_access::core(b), {}, where,
                           [held = std::move(d)]() mutable { return std::move(held); });
}

// Wrong use, with an error that names the fix.
template <class T>
void to_eventual(bridge&, const deferred<T>&) {
  static_assert(
      detail::never<T>,
      "this takes the deferred for good: std::move it, as in to_eventual(b, std::move(d))");
}

}  // namespace loopbridge
