#pragma once

#include <string>
#include <thread>
#include <vector>

#include "harness/costs.hpp"
#include "harness/measure.hpp"
#include "harness/posts.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// A thousand posts to a loop that sleeps, until the last one has run.
struct burst {
  static constexpr std::size_t posts = 1000;

  std::string name() const { return "burst of 1000, loop asleep before"; }
  std::vector<figure> figures() const {
    return {{"median", "ns each"},
            {"p99", "ns each"},
            {"writes", "per burst"},
            {"allocations", "per burst"},
            {"CPU", "ns each"}};
  }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    total counted;
    for (int warm = 0; warm < 3; ++warm) one_burst(p, counted);
    std::vector<double> times;
    const auto end = in_seconds(e.seconds);
    const costs before = costs::so_far();
    while (times.size() < 10 || clock::now() < end) times.push_back(one_burst(p, counted));
    const costs used = costs::so_far() - before;
    require_sum(counted.sum, (times.size() + 3) * (posts - 1));
    const auto bursts = static_cast<double>(times.size());
    return {median(times), percentile(times, 99), static_cast<double>(used.writes) / bursts,
            static_cast<double>(used.allocations) / bursts, used.cpu_ns / bursts / posts};
  }

 private:
  template <class Producer>
  static double one_burst(Producer& p, total& counted) {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    const auto start = clock::now();
    post_ones(p, counted, posts - 1);
    drain(p);
    return nanoseconds_since(start) / posts;
  }
};

}  // namespace bench
