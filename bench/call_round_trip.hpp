#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "contender.hpp"
#include "measurement.hpp"
#include "placement.hpp"
#include "statistics.hpp"

namespace bench {

/// What a caller waits for call() to return an int, one call after the other.
///
/// Where the two threads run decides it all: on one CPU it is two context switches; on two it is
/// waking a sleeping CPU twice; and where the scheduler is free it is now one and now the other.
struct call_round_trip {
  placement where;
  unsigned callers = 1;
  std::size_t calls;  ///< for each caller

  std::vector<figure> figures() const {
    const std::string name =
        "call, " + (callers == 1 ? "" : std::to_string(callers) + " callers, ") + to_string(where);
    return {{name + ", median", "us", better::lower}, {name + ", p99", "us", better::lower}};
  }

  template <contender C>
  std::vector<double> run(C& c, double scale) const {
    const pinned_here pinned(where, end_of_call::caller);
    c.call([this] { pin_this_thread(where, end_of_call::loop); });
    const std::size_t each = scaled(calls, scale);
    std::vector<std::vector<double>> times(callers);
    call_often(c, each / 10, times[0]);  // warm
    std::vector<std::thread> others;
    for (unsigned i = 1; i < callers; ++i) {
      others.emplace_back([&, i] { call_often(c, each, times[i]); });
    }
    call_often(c, each, times[0]);
    for (std::thread& t : others) t.join();
    std::vector<double> all;
    for (const std::vector<double>& t : times) all.insert(all.end(), t.begin(), t.end());
    return {percentile(all, 50), percentile(all, 99)};
  }

 private:
  template <contender C>
  static void call_often(C& c, std::size_t times, std::vector<double>& microseconds) {
    microseconds.clear();
    microseconds.reserve(times);
    int counted = 0;
    for (std::size_t n = 0; n < times; ++n) {
      const auto start = std::chrono::steady_clock::now();
      counted += c.call([] { return 1; });
      microseconds.push_back(nanoseconds_since(start) / 1e3);
    }
    require_sum(static_cast<std::uint64_t>(counted), times);
  }
};

}  // namespace bench
