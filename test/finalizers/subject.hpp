#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <utility>
#include <vector>

namespace finalizers {

/// A bridge that objects of another language report to when they are finalized, by number, from 1.
struct subject {
  explicit subject(std::size_t objects, loopbridge::options&& opts = {})
      : heard(objects + 1),
        bridge(std::move(opts)),
        call(bridge, [this](std::uint64_t n) { firings += n; }) {}

  /// Loop thread.
  void hear(std::size_t id) { ++heard[id]; }
  /// What finalizers do, in the middle of anything.
  loopbridge::status post(std::size_t id) {
    return bridge.try_post([this, id] { hear(id); });
  }
  loopbridge::status post_reentrant(std::size_t id) {
    return bridge.post_reentrant([this](std::size_t n) { hear(n); }, id);
  }
  /// How many of the objects were heard of exactly n times. After catch_up().
  long heard_of(int n) const { return std::count(heard.begin() + 1, heard.end(), n); }

  std::vector<int> heard;  // the loop's, like the next one
  std::uint64_t firings = 0;
  loopbridge::bridge bridge;
  loopbridge::reentrant_call call;
};

}  // namespace finalizers
