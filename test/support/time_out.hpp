#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/bridge.hpp>
#include <source_location>

#include "gate.hpp"

namespace support {

/// Calls with a short deadline until that falls into the callable, which opens `started`. (A busy
/// machine may not even start it in time; then it was cancelled while queued, and never runs.)
template <class Callable>
void time_out_inside(loopbridge::bridge& b, const gate& started, const Callable& callable,
                     std::source_location where = std::source_location::current()) {
  REQUIRE(comes_true([&] {
    CHECK_THROWS_AS((void)b.call_for(std::chrono::milliseconds(20), callable, where),
                    loopbridge::timed_out);
    return started.is_open();
  }));
}

}  // namespace support
