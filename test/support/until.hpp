#pragma once

#include <doctest/doctest.h>

#include <loopbridge/bridge.hpp>

#include "patience.hpp"

/// Waits until others have brought a bridge to where the test wants it. In vain: the test fails.
namespace support {

/// The loop sleeps, so that the next submission has to ring.
inline void until_asleep(const loopbridge::bridge& b) {
  REQUIRE(comes_true([&] { return loopbridge::detail::bridge_access::core(b).is_asleep(); }));
}
/// It refuses work, though its stop() may not have returned.
inline void until_stopped(const loopbridge::bridge& b) {
  REQUIRE(comes_true([&] { return b.stop_requested(); }));
}
/// So many threads and handlers sleep until they are answered.
inline void until_waiting(const loopbridge::bridge& b, unsigned threads) {
  REQUIRE(comes_true([&] { return b.stats().waiting == threads; }));
}
/// So many threads wait for room.
inline void until_blocked(const loopbridge::bridge& b, unsigned threads) {
  REQUIRE(comes_true([&] { return b.stats().blocked == threads; }));
}

}  // namespace support
