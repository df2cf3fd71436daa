#pragma once

#include <functional>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>

#include "patience.hpp"

namespace support {

/// The events of one watcher.
struct told {
  std::function<void(loopbridge::fd_events)> into() {
    return [this](loopbridge::fd_events e) {
      last = e;
      ++calls;
    };
  }
  loopbridge::fd_events last{};
  int calls = 0;
};

/// Turns the loop until the watcher has told something; false: it does not.
inline bool hears(loopbridge::manual_bridge& m, const told& t, int calls = 1) {
  return comes_true([&] {
    m.run_once();
    return t.calls >= calls;
  });
}

}  // namespace support
