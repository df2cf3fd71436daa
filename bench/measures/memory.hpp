#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/child.hpp"
#include "harness/held_loop.hpp"
#include "harness/measure.hpp"
#include "harness/posts.hpp"

namespace bench {

/// What a posted call occupies while it is queued, everything included: growth of the process.
struct memory_per_call {
  static constexpr std::size_t rounds = 3;

  std::string name() const { return "memory of a queued call"; }
  std::vector<figure> figures() const { return {{"memory", "bytes"}}; }
  /// A bounded contender would make the thread that posts wait.
  template <class C>
  static constexpr bool fits = posting<C> && !requires { C::bounded; };

  template <class C>
  std::vector<double> run(effort e) const {
    return ask_child(name(), C::name, e);
  }

  template <class C>
  std::vector<double> run_in_child(effort) const {
    constexpr std::size_t posts = 200'000;
    C c;
    auto&& p = producer_of(c);
    total counted;
    double grown = 0;
    {
      const held_loop held(p);
      const double before = resident();
      post_ones(p, counted, posts);
      grown = resident() - before;
    }
    require_sum(counted.sum, posts);
    return {grown / posts};
  }
};

/// What a thread's way to post occupies, once it is used: a token.
struct memory_per_producer {
  static constexpr std::size_t rounds = 3;

  std::string name() const { return "memory of a producer"; }
  std::vector<figure> figures() const { return {{"memory", "KiB"}}; }
  template <class C>
  static constexpr bool fits = requires(C& c) { c.producer(); };

  template <class C>
  std::vector<double> run(effort e) const {
    return ask_child(name(), C::name, e);
  }

  template <class C>
  std::vector<double> run_in_child(effort) const {
    constexpr std::size_t producers = 64;
    constexpr std::size_t posts = 10'000;  // through all of its memory, several times
    C c;
    c.call([] {});
    total counted;
    std::vector<std::unique_ptr<decltype(c.producer())>> all;
    all.reserve(producers);
    const double before = resident();
    for (std::size_t i = 0; i < producers; ++i) {
      all.emplace_back(new decltype(c.producer())(c.producer()));
      post_ones(*all.back(), counted, posts);
      drain(*all.back());
    }
    const double grown = resident() - before;
    require_sum(counted.sum, producers * posts);
    return {grown / producers / 1024};
  }
};

/// How large the process grows while producers post as fast as they can: the loop may fall behind.
struct peak_memory {
  static constexpr std::size_t rounds = 3;
  unsigned producers;

  std::string name() const {
    return "peak memory, 5 M posts (quick: 2 M), " + std::to_string(producers) +
           (producers == 1 ? " producer" : " producers");
  }
  std::vector<figure> figures() const { return {{"growth", "MB"}, {"time", "s"}}; }
  template <class C>
  static constexpr bool fits = posting<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    return ask_child(name(), C::name, e);
  }

  template <class C>
  std::vector<double> run_in_child(effort e) const {
    const std::size_t each = 5 * e.most / producers;
    const auto limit = in_seconds(20 * e.seconds);  // the slow ones would take long
    std::vector<std::uint64_t> missing(producers);
    C c;
    c.call([] {});
    const double before = resident();
    const auto start = clock::now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < producers; ++i) {
      threads.emplace_back([&, i] {
        auto&& p = producer_of(c);
        total counted;
        std::size_t posted = 0;
        for (; posted < each && clock::now() < limit; posted += 500) {
          post_ones(p, counted, 500);
        }
        drain(p);
        missing[i] = posted - counted.sum;
      });
    }
    for (std::thread& t : threads) t.join();
    const double seconds = nanoseconds_since(start) / 1e9;
    for (const std::uint64_t n : missing) require_sum(n, 0);
    return {(peak_resident() - before) / 1e6, seconds};
  }
};

}  // namespace bench
