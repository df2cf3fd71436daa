#pragma once

#include <loopbridge/bridge.hpp>

namespace loopbridge {

/// The tests' way to a bridge's core.
struct bridge_access {
  static detail::core_base& core(const bridge& b) { return b.core(); }
};

}  // namespace loopbridge
