#pragma once

#include <chrono>
#include <cstdint>
#include <semaphore>
#include <vector>

#include "contender.hpp"
#include "measurement.hpp"
#include "statistics.hpp"

namespace bench {

/// What post() costs the thread that posts, while the loop takes nothing: it is inside a callable.
/// No other thread competes for anything, and no wake-up is needed.
struct post_cost_loop_held {
  std::vector<figure> figures() const {
    return {{"post, loop held in a callable", "ns per post", better::lower}};
  }

  template <contender C>
  std::vector<double> run(C& c, double scale) const {
    constexpr int warm_up = 2;
    constexpr int repetitions = 20;
    const std::size_t posts = scaled(10'000, scale);
    std::uint64_t sum = 0;
    std::vector<double> costs;
    for (int i = 0; i < warm_up + repetitions; ++i) {
      std::binary_semaphore held{0};
      std::binary_semaphore let_go{0};
      c.post([&held, &let_go] {
        held.release();
        let_go.acquire();
      });
      held.acquire();
      const auto start = std::chrono::steady_clock::now();
      for (std::size_t n = 0; n < posts; ++n) c.post(add_to{&sum, 1});
      const double cost = nanoseconds_since(start) / static_cast<double>(posts);
      let_go.release();
      c.call([] {});
      if (i >= warm_up) costs.push_back(cost);
    }
    require_sum(sum, posts * (warm_up + repetitions));
    return {median(costs)};
  }
};

/// What post() costs while the loop takes and runs what is posted, on another CPU if there is one.
struct post_cost_loop_awake {
  std::vector<figure> figures() const {
    return {{"post, loop awake and draining", "ns per post", better::lower}};
  }

  template <contender C>
  std::vector<double> run(C& c, double scale) const {
    constexpr int warm_up = 1;
    constexpr int repetitions = 5;
    const std::size_t posts = scaled(100'000, scale);
    std::uint64_t sum = 0;
    std::vector<double> costs;
    for (int i = 0; i < warm_up + repetitions; ++i) {
      c.call([] {});  // awake from here on
      const auto start = std::chrono::steady_clock::now();
      for (std::size_t n = 0; n < posts; ++n) c.post(add_to{&sum, 1});
      const double cost = nanoseconds_since(start) / static_cast<double>(posts);
      c.call([] {});
      if (i >= warm_up) costs.push_back(cost);
    }
    require_sum(sum, posts * (warm_up + repetitions));
    return {median(costs)};
  }
};

}  // namespace bench
