#pragma once

#include <doctest/doctest.h>

#include <loopbridge/options.hpp>

namespace support {

/// Runs the rest of the test case once for each doorbell.
inline loopbridge::doorbell each_doorbell() {
  auto kind = loopbridge::doorbell::wakeup_fd;
  SUBCASE("wakeup_fd") {}
  SUBCASE("uv_async") {
    kind = loopbridge::doorbell::uv_async;
  }
  return kind;
}

inline loopbridge::options with_each_doorbell() {
  loopbridge::options opts;
  opts.doorbell = each_doorbell();
  return opts;
}

}  // namespace support
