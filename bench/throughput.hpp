#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "contender.hpp"
#include "measurement.hpp"

namespace bench {

/// How many posted calls are through per second, from the first post until the last one has run,
/// and what one costs of all threads' CPU time, which tells the same with less noise where other
/// programs take part of the machine.
struct throughput {
  unsigned producers;

  std::vector<figure> figures() const {
    const std::string name =
        "throughput, " + std::to_string(producers) + (producers == 1 ? " producer" : " producers");
    return {{name, "M calls/s", better::higher},
            {name + ", CPU time", "ns per call", better::lower}};
  }

  template <contender C>
  std::vector<double> run(C& c, double scale) const {
    std::uint64_t sum = 0;
    const std::size_t each = scaled(1'000'000, scale) / producers;
    post_from_all(c, sum, each / 10);  // warm
    const double cpu_before = cpu_nanoseconds();
    const double nanoseconds = post_from_all(c, sum, each);
    const double cpu = cpu_nanoseconds() - cpu_before;
    require_sum(sum, producers * (each / 10 + each));
    const double calls = static_cast<double>(each * producers);
    return {calls / nanoseconds * 1e3, cpu / calls};
  }

 private:
  template <contender C>
  double post_from_all(C& c, std::uint64_t& sum, std::size_t each) const {
    std::atomic<unsigned> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < producers; ++i) {
      threads.emplace_back([&] {
        ready.fetch_add(1);
        go.wait(false);
        for (std::size_t n = 0; n < each; ++n) c.post(add_to{&sum, 1});
      });
    }
    while (ready.load() != producers) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    go.store(true);
    go.notify_all();
    for (std::thread& t : threads) t.join();
    c.call([] {});  // comes after all of them
    return nanoseconds_since(start);
  }
};

}  // namespace bench
