#pragma once

#include <algorithm>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "../costs.hpp"
#include "../futex.hpp"
#include "../measure.hpp"
#include "../statistics.hpp"

namespace bench {

/// What post() costs the thread that posts, while the loop takes nothing: it is inside a callable.
/// No other thread competes for anything, and no wake-up is needed.
struct post_loop_held {
  static constexpr std::size_t batch = 1000;  // fits a lane
  static constexpr std::size_t warm = 4;      // batches

  std::string name() const { return "post, loop held in a callable"; }
  std::vector<figure> figures() const {
    return {{"median", "ns"}, {"p99 of batches", "ns"}, {"allocations", "per 1000"}};
  }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    std::uint64_t sum = 0;
    std::vector<double> times;
    times.reserve(e.most / batch + 10);
    costs before;
    const auto end = in_seconds(e.seconds);
    std::size_t batches = 0;
    for (; batches < 10 || (clock::now() < end && times.size() < e.most / batch); ++batches) {
      if (batches == warm) before = costs::so_far();
      std::binary_semaphore held{0};
      std::binary_semaphore let_go{0};
      p.post([&held, &let_go] {
        held.release();
        let_go.acquire();
      });
      held.acquire();
      const auto start = clock::now();
      for (std::size_t n = 0; n < batch - 2; ++n) p.post(add_to{&sum, 1});
      times.push_back(nanoseconds_since(start) / (batch - 2));
      one_event done;
      p.post([&done] { done.set(); });
      let_go.release();
      done.wait();
    }
    const costs used = costs::so_far() - before;
    require_sum(sum, batches * (batch - 2));
    const auto thousands = static_cast<double>(times.size() - warm);
    return {median(times), percentile(times, 99),
            static_cast<double>(used.allocations) / thousands};
  }
};

/// What post() costs while the loop takes and runs what is posted, on another CPU if there is one.
struct post_loop_awake {
  static constexpr std::size_t batch = 20'000;

  std::string name() const { return "post, loop awake and draining"; }
  std::vector<figure> figures() const { return {{"median", "ns"}, {"allocations", "per 1000"}}; }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    std::uint64_t sum = 0;
    std::vector<double> times;
    times.reserve(e.most / batch + 10);
    costs before;
    const auto end = in_seconds(e.seconds);
    std::size_t batches = 0;
    for (; batches < 3 || (clock::now() < end && times.size() < e.most / batch); ++batches) {
      if (batches == 1) before = costs::so_far();  // warm
      one_event awake;
      p.post([&awake] { awake.set(); });
      awake.wait();
      const auto start = clock::now();
      for (std::size_t n = 0; n < batch; ++n) p.post(add_to{&sum, 1});
      times.push_back(nanoseconds_since(start) / batch);
      one_event done;
      p.post([&done] { done.set(); });
      done.wait();
    }
    const costs used = costs::so_far() - before;
    require_sum(sum, batches * batch);
    const double thousands = static_cast<double>(times.size() - 1) * batch / 1000;
    return {median(times), static_cast<double>(used.allocations) / thousands};
  }
};

/// What post() costs where it has to wake the loop, which has gone to sleep.
struct post_loop_asleep {
  std::string name() const { return "post, loop asleep"; }
  std::vector<figure> figures() const { return {{"median", "ns"}, {"p99", "ns"}}; }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    std::vector<double> times;
    const auto end = in_seconds(e.seconds);
    while (times.size() < 20 || clock::now() < end) {
      // Longer than anybody spins before it sleeps.
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      one_event done;
      const auto start = clock::now();
      p.post([&done] { done.set(); });
      times.push_back(nanoseconds_since(start));
      done.wait();
    }
    return {median(times), percentile(times, 99)};
  }
};

}  // namespace bench
