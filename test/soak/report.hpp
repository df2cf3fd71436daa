#pragma once

#include <chrono>
#include <cstdint>

#include "account.hpp"
#include "world.hpp"

namespace soak {

/// What a run prints. A failure comes with the command that repeats it.
class run_report {
 public:
  run_report(std::uint64_t seed, const account& books, const tally& counts);

  void begin_round(std::uint64_t round) noexcept;
  /// `hangs`: the operation that did not return in time, or null.
  void print_failure(const char* hangs) const;
  /// Takes the process so much more memory than it did that something must leak?
  bool has_grown() const;
  void print_success(std::uint64_t rounds) const;

 private:
  void print_counts() const;

  const std::uint64_t seed_;
  const account& books_;
  const tally& counts_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> round_{0};
  /// By then everything that is recycled has come round.
  static constexpr std::uint64_t warm_after = 100;
  std::uint64_t rounds_ = 0;
  long resident_when_warm_ = 0;
};

}  // namespace soak
