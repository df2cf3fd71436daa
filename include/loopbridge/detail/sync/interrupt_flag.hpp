#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loopbridge::detail {

/// What an interruption is to the waits that take it: a flag, and where they sleep.
class interrupt_flag {
 public:
  /// Any thread, any handler, at any instruction; errno is kept.
  void trip() noexcept;
  void reset() noexcept { tripped_.store(false); }
  bool is_tripped() const noexcept { return tripped_.load(); }

  /// Registers the parking lot with that number, so that trip() wakes there. To be called before
  /// the waiter's last look at what it waits for and at is_tripped(). Any thread.
  void sleeps_in(std::size_t lot) const noexcept {
    lots_[lot / 64].fetch_or(std::uint64_t{1} << lot % 64);
  }

 private:
  /// Home of both, in default orders. `tripped_` is set before `lots_` is read by trip(); a bit of
  /// `lots_` is set, for good, before `tripped_` is read by the waiter: one of them sees.
  std::atomic<bool> tripped_{false};
  mutable std::array<std::atomic<std::uint64_t>, 8> lots_{};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace loopbridge::detail
