#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>

namespace loopbridge {

/// What bridge::stats() gives.
///
/// Counters are read individually, not as one snapshot. Each number is right by itself; sums hold
/// exactly only while the bridge is idle. A submission adds to none of them. So without a capacity,
/// a call is counted from when the loop takes it. With a capacity, however large, it is counted
/// where it is queued too. A call here is whatever was queued: coalesced firings of a
/// reentrant_call are one.
struct statistics {
  std::uint64_t accepted = 0;   ///< taken by the loop, or, with a capacity, queued
  std::uint64_t run = 0;        ///< their callables were run
  std::uint64_t cancelled = 0;  ///< ended by eventual::cancel(), or by call_for's deadline
  std::uint64_t stopped = 0;    ///< accepted, but the bridge stopped first
  std::uint64_t refused = 0;    ///< never accepted: full, stopped, no slot for a handler's, or no
                                ///< room in time

  std::uint64_t queued = 0;       ///< now: to be run in this turn; with a capacity, in the next too
  std::uint64_t most_queued = 0;  ///< the most that the loop has found at once
  std::uint64_t waiting = 0;      ///< threads and handlers that sleep until their call is answered
  std::uint64_t blocked = 0;      ///< threads that wait for room

  std::uint64_t rings = 0;        ///< writes to the doorbell
  std::uint64_t rings_saved = 0;  ///< calls that were queued without one
  std::uint64_t sleeps = 0;       ///< how often the loop had nothing to do
  /// The loop's lag: the longest time from when it woke until it looked after I/O again. By libuv's
  /// clock, which the loop reads anyway: in milliseconds, and timers not counted. 0 if adopted.
  std::chrono::milliseconds longest_turn{0};
  /// The callable that took longest, and where it was submitted. Only with options::watchdog,
  /// because it means a look at the clock for each call. While a longer one replaces it, the two
  /// may be of different calls.
  std::chrono::nanoseconds longest_callback{0};
  std::source_location longest_callback_from{};
};

}  // namespace loopbridge
