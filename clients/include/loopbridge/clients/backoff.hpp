#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace loopbridge::clients {

/// How long a client waits before it connects again: at first hardly, then each time twice as long,
/// up to a limit, and each time a random part of that, so that a thousand clients of one server do
/// not come back in the same moment.
///
/// Thread   one at a time
class backoff {
 public:
  /// Throws   what std::random_device throws: where the system gives no random numbers
  explicit backoff(std::chrono::milliseconds most = std::chrono::milliseconds(500)) : most_(most) {}

  /// The next wait: between half of what is due and all of it.
  std::chrono::milliseconds next() {
    const auto due = due_;
    due_ = (std::min)(due_ * 2, most_);
    return std::chrono::milliseconds(std::uniform_int_distribution<std::chrono::milliseconds::rep>(
        due.count() / 2, due.count())(random_));
  }
  /// A connection has stood the test: the server answered.
  void reset() noexcept { due_ = first; }

 private:
  static constexpr std::chrono::milliseconds first{10};

  std::chrono::milliseconds most_;
  std::chrono::milliseconds due_ = first;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace loopbridge::clients
