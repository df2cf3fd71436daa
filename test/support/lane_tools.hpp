#pragma once

#include <doctest/doctest.h>

#include <loopbridge/lane.hpp>

#include "gate.hpp"

namespace support {

/// How many calls fit a lane, as lane.hpp says.
inline constexpr int lane_capacity = 1024;

/// Returns when all that `l` has accepted has run. (Another lane's calls may have yet to.)
inline void catch_up(loopbridge::lane& l) {
  gate ran;
  l.post([&ran] { ran.open(); });
  REQUIRE(ran.wait());
}

/// Posts until the lane has no room; how many it took.
inline int fill(loopbridge::lane& l, int& ran) {
  int accepted = 0;
  while (l.try_post([&ran] { ++ran; }) == loopbridge::status::accepted) ++accepted;
  return accepted;
}

}  // namespace support
