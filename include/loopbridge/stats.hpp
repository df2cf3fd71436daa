#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>

namespace loopbridge {

/// What a bridge has done and is doing: bridge::stats().
///
/// Each number by itself is right, but they are read one after the other while the bridge goes on:
/// so sums hold exactly only while nothing happens. A submission adds to none of them. So without a
/// capacity, calls are known from when the loop takes them; with one, however large, they are
/// counted where they are queued too. A call here is whatever was queued: firings of a
/// reentrant_call that were coalesced are one.
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
  /// The loop's lag: the most that passed from when it woke until it looked after I/O again. By
  /// libuv's clock, which it reads anyway: in milliseconds, and timers not counted. 0 if adopted.
  std::chrono::milliseconds longest_turn{0};
  /// The callable that took longest, and where it was submitted. Only with options::watchdog, for
  /// it means a look at the clock for each. The two may be of different calls, if one is replaced
  /// by a longer one just now.
  std::chrono::nanoseconds longest_callback{0};
  std::source_location longest_callback_from{};
};

}  // namespace loopbridge
