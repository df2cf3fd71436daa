#pragma once

#include <memory>
#include <random>

#include "costs.hpp"

// What the simulation must foretell: the same as it simulates, measured here.
namespace scale {

/// Rings of the doorbell, which is the only one who writes by syscall(): see measure.cpp.
extern std::atomic<long> rings;

namespace checks {

/// Pushes alone, nobody takes: millions a second, and CASes that failed, per push. Short, and again
/// until nobody has disturbed it, since a thread that has lost its CPU is no competitor: of one or
/// two threads, none was away for long, and they ran at the same time.
inline std::pair<double, double> pushes(int producers) {
  struct own_node final : loopbridge::detail::node {
    loopbridge::detail::result_base* run(loopbridge::detail::core_base&) noexcept override {
      return nullptr;
    }
    loopbridge::detail::result_base* refuse(loopbridge::detail::core_base&) noexcept override {
      return nullptr;
    }
  };
  struct alignas(64) account {
    long retries = 0;
    double from = 0;
    double to = 0;
    double longest = 0;  ///< that 64 pushes took
  };
  constexpr int each = 8'192;
  alignas(64) static std::atomic<std::uintptr_t> head;
  std::vector<std::vector<own_node>> nodes;
  for (int i = 0; i < producers; ++i) nodes.emplace_back(1024);
  std::vector<account> of(static_cast<std::size_t>(producers));
  double from = 0;
  double to = 0;
  for (int attempt = 0; attempt < 50; ++attempt) {
    on_threads(producers, [&](int me) noexcept {
      account a;
      auto& own = nodes[static_cast<std::size_t>(me)];
      double before = a.from = now_ns();
      for (int i = 0; i < each; ++i) {  // as submission_list::push
        own_node& n = own[static_cast<std::size_t>(i % 1024)];
        std::uintptr_t h = head.load(std::memory_order_relaxed);
        for (;; ++a.retries) {
          n.next = reinterpret_cast<loopbridge::detail::node*>(h);
          if (head.compare_exchange_weak(h, reinterpret_cast<std::uintptr_t>(&n),
                                         std::memory_order_seq_cst, std::memory_order_relaxed)) {
            break;
          }
        }
        if (i % 64 != 63) continue;
        const double now = now_ns();
        a.longest = std::max(a.longest, now - before);
        before = now;
      }
      a.to = before;
      of[static_cast<std::size_t>(me)] = a;
    });
    from = of[0].from;
    to = of[0].to;
    double together_from = from;
    double together_to = to;
    double longest = 0;
    for (const account& a : of) {
      from = std::min(from, a.from);
      to = std::max(to, a.to);
      together_from = std::max(together_from, a.from);
      together_to = std::min(together_to, a.to);
      longest = std::max(longest, a.longest);
    }
    if (producers > 2) break;
    if (longest < 50'000 && together_to - together_from > 0.8 * (to - from)) break;
  }
  long retries = 0;
  for (const account& a : of) retries += a.retries;
  const double n = double(producers) * each;
  return {n / (to - from) * 1e3, double(retries) / n};
}

/// Millions of posts a second that one loop, on CPU 1, runs for so many producers.
inline double throughput(int producers) {
  loopbridge::options opts;
  opts.on_thread_start = [] { pin(1); };
  loopbridge::bridge b(opts);
  static volatile std::uint64_t sum;
  constexpr int each = 100'000;
  const double start = now_ns();
  on_threads(producers, [&](int) noexcept {
    for (std::uint64_t i = 0; i < each; ++i) b.post([i] { sum = sum + i; });
  });
  b.call([] {});
  return double(producers) * each / (now_ns() - start) * 1e3;
}

/// The same through rings, whose consumer looks without pause.
inline double ring_throughput(int producers) {
  std::vector<std::unique_ptr<ring>> rings_of;
  for (int i = 0; i < producers; ++i) rings_of.push_back(std::make_unique<ring>());
  static std::uint64_t sum;
  constexpr int each = 200'000;
  std::atomic<bool> started{false};
  std::thread consumer([&]() noexcept {
    pin(1);
    started = true;
    for (std::uint64_t ran = 0; ran < std::uint64_t(producers) * each;) {
      std::uint64_t found = 0;
      for (auto& r : rings_of) found += r->drain();
      ran += found;
      if (found == 0) std::this_thread::yield();  // producers may share its CPU
    }
  });
  while (!started) std::this_thread::yield();
  const double start = now_ns();
  on_threads(producers, [&](int me) noexcept {
    ring& own = *rings_of[static_cast<std::size_t>(me)];
    for (int i = 0; i < each; ++i) {
      while (!own.put([](void* s) { ++*static_cast<std::uint64_t*>(s); }, &sum)) {
        std::this_thread::yield();
      }
    }
  });
  consumer.join();
  return double(producers) * each / (now_ns() - start) * 1e3;
}

/// So many streams of calls, one each 100 us on average at random, by one thread on CPU 0; the loop
/// on CPU 1 does not spin. Median ns from post to run, and rings per call.
inline std::pair<double, double> paced(int streams) {
  loopbridge::options opts;
  opts.spin = loopbridge::spinning::off;
  opts.on_thread_start = [] { pin(1); };
  loopbridge::bridge b(opts);
  constexpr int n = 1'000;
  std::vector<double> latency(n);
  std::mt19937 random(1);
  std::exponential_distribution<double> gap(streams / 100e3);
  std::thread poster([&]() noexcept {
    pin(0);
    b.call([] {});
    rings = 0;
    double next = now_ns();
    for (std::size_t i = 0; i < n; ++i) {
      // After a turn of somebody else's on this CPU: goes on from here, rather than make it up.
      next = std::max(next, now_ns() - 5'000) + gap(random);
      while (now_ns() < next) pause();
      const double posted = now_ns();
      b.post([&latency, i, posted] { latency[i] = now_ns() - posted; });
    }
  });
  poster.join();
  const double rung = double(rings.load()) / n;
  b.stop();
  std::sort(latency.begin(), latency.end());
  return {latency[n / 2], rung};
}

/// Calls of 2 us each from one thread, by a group of so many loops: thousands a second.
template <class Choose>
double group_throughput(std::size_t loops, Choose&& choose) {
  std::atomic<int> cpu{0};
  loopbridge::options opts;
  opts.on_thread_start = [&cpu] { pin(cpu++ % 2); };
  loopbridge::bridge_group group(loops, opts);
  constexpr int n = 4'000;
  const double start = now_ns();
  for (int i = 0; i < n; ++i) {
    choose(group, i).post([] {
      for (const double from = now_ns(); now_ns() - from < 2'000;) {
      }
    });
  }
  group.stop();
  return n / (now_ns() - start) * 1e6;
}

}  // namespace checks
}  // namespace scale
