#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <optional>

namespace soak {

/// A lane with its number in the account.
struct numbered_lane {
  loopbridge::lane way;
  loopbridge::full_lane full;
  int site;
  std::uint16_t number;
};

/// The lanes of one thread. They may outlive their bridges, and are dropped with what is queued.
class lane_shelf {
 public:
  std::optional<numbered_lane>& at(std::uint32_t n) noexcept { return lanes_[n % lanes_.size()]; }

  /// The one that was posted to last: the thread's handlers post to that one, in the middle of
  /// whatever is done with it but its end.
  void reach_for(numbered_lane* l) noexcept {
    in_reach_.store(l, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  numbered_lane* in_reach() const noexcept { return in_reach_.load(std::memory_order_relaxed); }

  void drop(std::optional<numbered_lane>& l) noexcept {
    reach_for(nullptr);
    l.reset();
  }
  void drop_all() noexcept {
    for (auto& l : lanes_) drop(l);
  }

 private:
  std::array<std::optional<numbered_lane>, 3> lanes_;
  std::atomic<numbered_lane*> in_reach_{nullptr};
};

}  // namespace soak
