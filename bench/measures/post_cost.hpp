#pragma once

#include <string>
#include <thread>
#include <vector>

#include "harness/costs.hpp"
#include "harness/futex.hpp"
#include "harness/held_loop.hpp"
#include "harness/measure.hpp"
#include "harness/posts.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// Batches of posts, one after the other until the time is up.
struct batches {
  std::vector<double> ns;  ///< of one post, in each batch
  std::size_t warm;  ///< so many of the batches come first, and their allocations do not count
  costs used;        ///< by the others

  /// `one_batch` posts `each` calls and returns how long that took, in nanoseconds.
  template <class OneBatch>
  batches(effort e, std::size_t each, std::size_t at_least, std::size_t warming,
          OneBatch&& one_batch)
      : warm(warming) {
    ns.reserve(e.most / each + at_least);
    costs before;
    const auto end = in_seconds(e.seconds);
    while (ns.size() < at_least || (clock::now() < end && ns.size() < e.most / each)) {
      if (ns.size() == warm) before = costs::so_far();
      ns.push_back(one_batch() / static_cast<double>(each));
    }
    used = costs::so_far() - before;
  }
  double allocations_per_1000(std::size_t each) const {
    const auto posts = static_cast<double>((ns.size() - warm) * each);
    return static_cast<double>(used.allocations) / posts * 1000;
  }
};

/// What post() costs the thread that posts, while the loop takes nothing: it is inside a callable.
/// No other thread competes for anything, and no wake-up is needed.
struct post_loop_held {
  static constexpr std::size_t each = 998;  // with the two that hold the loop, 1000

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
    total counted;
    const batches all(e, each, 10, 4, [&] {
      const held_loop held(p);
      const auto start = clock::now();
      post_ones(p, counted, each);
      return nanoseconds_since(start);
    });
    require_sum(counted.sum, all.ns.size() * each);
    return {median(all.ns), percentile(all.ns, 99), all.allocations_per_1000(each + 2)};
  }
};

/// What post() costs while the loop takes and runs what is posted, on another CPU if there is one.
struct post_loop_awake {
  static constexpr std::size_t each = 20'000;

  std::string name() const { return "post, loop awake and draining"; }
  std::vector<figure> figures() const { return {{"median", "ns"}, {"allocations", "per 1000"}}; }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    total counted;
    const batches all(e, each, 3, 1, [&] {
      drain(p);  // the loop is awake now
      const auto start = clock::now();
      post_ones(p, counted, each);
      const double took = nanoseconds_since(start);
      drain(p);
      return took;
    });
    require_sum(counted.sum, all.ns.size() * each);
    return {median(all.ns), all.allocations_per_1000(each)};
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
