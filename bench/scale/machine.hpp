#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What the measurements of this directory share.
namespace scale {

using clock = std::chrono::steady_clock;

inline double now_ns() {
  return std::chrono::duration<double, std::nano>(clock::now().time_since_epoch()).count();
}

inline void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Runs `f(i)` on `count` threads, the i-th on CPU i % 2, all from the same moment; returns ns.
template <class F>
double on_threads(int count, F&& f) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i]() noexcept {
      pin(i % 2);
      ++ready;
      while (!go.load()) std::this_thread::yield();
      f(i);
    });
  }
  while (ready != count) std::this_thread::yield();
  const double start = now_ns();
  go = true;
  for (auto& t : threads) t.join();
  return now_ns() - start;
}

/// One line of JSON for one sample, with what moving a cache line cost just before: on virtual
/// machines that changes from second to second, with where their CPUs happen to be.
inline void report(const std::string& name, double value, double line) {
  std::printf("{\"name\": \"%s\", \"value\": %.5g, \"line\": %.4g}\n", name.c_str(), value, line);
}

}  // namespace scale
