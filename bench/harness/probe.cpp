// What `tools/mutate --measure` builds, with and without each mechanism: one figure, as the
// argument says, and the memory that it took.
#include <sched.h>
#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "held_loop.hpp"
#include "measure.hpp"
#include "posts.hpp"
#include "statistics.hpp"

namespace {

using bench::clock;
using bench::median;
using bench::nanoseconds_since;
using loopbridge::bridge;

void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

/// Nanoseconds; the median.
double call(loopbridge::spinning spin) {
  stay_on_one_cpu();
  bridge b(loopbridge::options{.spin = spin});
  std::vector<double> times(40'000);
  for (double& t : times) {
    const auto start = clock::now();
    b.call([] {});
    t = nanoseconds_since(start);
  }
  return median(times);
}

/// Nanoseconds, where the loop sleeps before each; the median.
double paced_call() {
  bridge b(loopbridge::options{.spin = loopbridge::spinning::off});
  std::vector<double> times(2000);
  for (double& t : times) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const auto start = clock::now();
    b.call([] {});
    t = nanoseconds_since(start);
  }
  return median(times);
}

/// Microseconds, of making a bridge, one call and its end; the median.
double life() {
  stay_on_one_cpu();
  std::vector<double> times(2000);
  for (double& t : times) {
    const auto start = clock::now();
    bridge().call([] {});
    t = nanoseconds_since(start) / 1000;
  }
  return median(times);
}

/// Nanoseconds of one post while the loop is held; the median of batches.
double post_held(bridge& b) {
  constexpr int held_posts = 1000;
  std::vector<double> times(400);
  bench::total counted;
  for (double& t : times) {
    const bench::held_loop held(b);
    const auto start = clock::now();
    bench::post_ones(b, counted, held_posts);
    t = nanoseconds_since(start) / held_posts;
  }
  return median(times);
}

/// Millions of posts a second, by so many threads.
double throughput(bridge& b, unsigned threads) {
  constexpr std::size_t posts = 4'000'000;
  const auto start = clock::now();
  std::vector<std::thread> producers;
  for (unsigned t = 0; t < threads; ++t) {
    producers.emplace_back([&] {
      bench::total counted;
      bench::post_ones(b, counted, posts / threads);
      bench::drain(b);
    });
  }
  for (std::thread& t : producers) t.join();
  return static_cast<double>(posts) / nanoseconds_since(start) * 1e3;
}

double measure(const std::string& what) {
  if (what == "call") return call(loopbridge::spinning::off);
  if (what == "spinning call") return call(loopbridge::spinning::adaptive);
  if (what == "paced call") return paced_call();
  if (what == "life") return life();
  bridge b;
  if (what == "post held") return post_held(b);
  if (what == "posts") return throughput(b, 1);
  if (what == "posts of 4") return throughput(b, 4);
  stay_on_one_cpu();  // and so do the threads that start now
  bridge beside;
  if (what == "posts on 1 CPU") return throughput(beside, 1);
  return -1;
}

/// Megabytes, of all that came before.
double peak_memory() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

}  // namespace

int main(int count, char** arguments) {
  const double figure = measure(count > 1 ? arguments[1] : "");
  std::printf("%g %g\n", figure, peak_memory());
  return figure < 0 ? 1 : 0;
}
