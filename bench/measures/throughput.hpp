#pragma once

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "harness/costs.hpp"
#include "harness/measure.hpp"
#include "harness/posts.hpp"

namespace bench {

/// How many posted calls are through per second, from the first post until the last one has run;
/// what one costs of all threads' CPU time, which tells the same with less noise where other
/// programs take part of the machine; and how evenly the producers get on.
struct throughput {
  unsigned producers;
  bool at_work = false;  ///< each call has the loop compute for about 1 us

  std::string name() const {
    return "throughput, " + std::to_string(producers) +
           (producers == 1 ? " producer" : " producers") + (at_work ? ", calls of 1 us" : "");
  }
  std::vector<figure> figures() const {
    return {{"throughput", "M/s", better::higher},
            {"CPU", "ns"},
            {"writes", "per 1 M"},
            {"allocations", "per 1000"},
            {"slowest/fastest", "", better::higher}};
  }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    std::atomic<unsigned> warm{0};
    std::atomic<bool> go{false};
    std::vector<result> results(producers);
    std::vector<std::thread> threads;
    // The slow ones would take minutes for the fast ones' counts: each posts until its time is up.
    const std::size_t each = e.most / producers / (at_work ? 20 : 1);
    for (unsigned i = 0; i < producers; ++i) {
      threads.emplace_back([&, i] {
        auto&& p = producer_of(c);
        total counted;  // its own: where there are several loops, each adds to its own
        std::uint64_t& sum = counted.sum;
        const result warming = post_for(p, sum, each / 10, in_seconds(e.seconds / 4));
        warm.fetch_add(1);
        warm.notify_all();
        go.wait(false);
        results[i] = post_for(p, sum, each, in_seconds(4 * e.seconds));
        results[i].missing = warming.posts + results[i].posts - sum;
      });
    }
    for (unsigned n = warm; n != producers; n = warm) warm.wait(n);
    const costs before = costs::so_far();
    const auto start = clock::now();
    go.store(true);
    go.notify_all();
    for (std::thread& t : threads) t.join();
    const double nanoseconds = nanoseconds_since(start);
    const costs used = costs::so_far() - before;

    double posts = 0;
    std::vector<double> rates;
    for (const result& r : results) {
      posts += static_cast<double>(r.posts);
      require_sum(r.missing, 0);
      rates.push_back(static_cast<double>(r.posts) / r.nanoseconds);
    }
    const auto [slowest, fastest] = std::minmax_element(rates.begin(), rates.end());
    return {posts / nanoseconds * 1e3, used.cpu_ns / posts,
            static_cast<double>(used.writes) / posts * 1e6,
            static_cast<double>(used.allocations) / posts * 1e3, *slowest / *fastest};
  }

 private:
  struct result {
    std::size_t posts = 0;
    std::uint64_t missing = 0;
    double nanoseconds = 0;
  };

  /// Some hundred multiplications that wait for each other.
  struct work {
    std::uint64_t* sum;
    std::uint64_t value;
    void operator()() const noexcept {
      std::uint64_t x = *sum;
      for (int n = 0; n < 700; ++n) x = x * 6364136223846793005u + 1442695040888963407u;
      *sum += x == 0 ? 2 * value : value;  // so that it must be computed; 0 is as good as never
    }
  };

  template <class Producer>
  result post_for(Producer& p, std::uint64_t& sum, std::size_t most, clock::time_point end) const {
    result r;
    const auto start = clock::now();
    do {
      for (int n = 0; n < 100; ++n) at_work ? p.post(work{&sum, 1}) : p.post(add_to{&sum, 1});
      r.posts += 100;
    } while (r.posts < most && clock::now() < end);
    r.nanoseconds = nanoseconds_since(start);
    drain(p);
    return r;
  }
};

}  // namespace bench
