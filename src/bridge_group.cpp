#include "loopbridge/bridge_group.hpp"

#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>

namespace loopbridge {

bridge_group::bridge_group(std::size_t loops, options each) {
  if (loops == 0) loops = uv_available_parallelism();
  bridges_.reserve(loops);
  const std::string name = each.name;
  for (std::size_t n = 0; n < loops; ++n) {
    each.name = name + '-' + std::to_string(n);
    bridges_.emplace_back(each);
  }
}

bridge_group::~bridge_group() {
  for (bridge& b : bridges_) b.stop_reentrant();
}

bridge& bridge_group::of_hash(std::size_t hash) noexcept {
  // std::hash of a number is the number: what keys have in common (all even, say) must not keep
  // them from some of the loops. The finalizer of splitmix64.
  std::uint64_t h = hash;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return bridges_[(h ^ (h >> 31)) % bridges_.size()];
}

void bridge_group::stop() {
  for (bridge& b : bridges_) b.stop_reentrant();
  if (std::any_of(begin(), end(), [](const bridge& b) { return b.on_loop_thread(); })) return;
  std::exception_ptr first;
  for (bridge& b : bridges_) {
    try {
      b.stop();
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  if (first != nullptr) std::rethrow_exception(first);
}

}  // namespace loopbridge
