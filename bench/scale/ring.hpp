#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace scale {

/// A lane as the simulation takes it to be: a ring of 1024 slots of 32 bytes between one producer
/// and one consumer, the tail published by a release store, both ends cached.
class ring {
 public:
  static constexpr std::uint64_t slots = 1024;

  bool put(void (*run)(void*), void* data) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ == slots) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ == slots) return false;
    }
    slots_[tail % slots] = {run, data, {}};
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// Runs what is there; how many.
  std::uint64_t drain() noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    const std::uint64_t from = head_own_;
    for (; head_own_ != tail; ++head_own_) {
      const slot& s = slots_[head_own_ % slots];
      s.run(s.data);
      if (head_own_ % 128 == 127) head_.store(head_own_ + 1, std::memory_order_release);
    }
    head_.store(tail, std::memory_order_release);
    return tail - from;
  }

 private:
  struct alignas(32) slot {
    void (*run)(void*);
    void* data;
    std::uint64_t more[2];
  };
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::uint64_t head_own_ = 0;
  alignas(64) std::array<slot, slots> slots_{};
};

}  // namespace scale
