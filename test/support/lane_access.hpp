#pragma once

#include <loopbridge/lane.hpp>
#include <utility>

namespace loopbridge {

/// The tests' way into a lane.
struct lane_access {
  static detail::lane_state& state(const lane& l) { return l.state(); }
  /// As if the lane were full.
  template <class F>
  static status spill(const lane& l, F&& f) {
    return l.state().spill<lane::bound<F>>(std::forward<F>(f));
  }
};

}  // namespace loopbridge
