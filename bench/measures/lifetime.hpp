#pragma once

#include <string>
#include <vector>

#include "harness/costs.hpp"
#include "harness/measure.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// Starting a loop in a thread, one call, and ending it.
struct lifetime {
  std::string name() const { return "creation, one call, teardown"; }
  std::vector<figure> figures() const {
    return {{"median", "us"}, {"p99", "us"}, {"system calls", "each"}};
  }
  template <class C>
  static constexpr bool fits = contender<C> && C::is != role::floor;

  template <class C>
  std::vector<double> run(effort e) const {
    std::vector<double> times;
    const costs before = costs::so_far();
    const auto end = in_seconds(e.seconds);
    while (times.size() < 10 || clock::now() < end) {
      const auto start = clock::now();
      {
        C c;
        c.call([] {});
      }
      times.push_back(nanoseconds_since(start) / 1e3);
    }
    const costs used = costs::so_far() - before;
    return {median(times), percentile(times, 99),
            static_cast<double>(used.system_calls) / static_cast<double>(times.size())};
  }
};

}  // namespace bench
