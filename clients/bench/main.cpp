// bench [ROUNDS [SECONDS]]: asks each server in each way, by 1 to 64 threads, and prints a table.
#define DOCTEST_CONFIG_IMPLEMENT  // support/server.hpp fails by its assertions
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "bench.hpp"

namespace client_bench {
namespace {

using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

struct figures {
  double per_second = 0;
  double p99_us = 0;
  double switches = 0;  ///< of this process's threads, for each request
  double cpu_us = 0;    ///< of this process, for each request
  double at_once = 0;   ///< requests for each read of the server
};

double switches_of(const rusage& u) {
  return static_cast<double>(u.ru_nvcsw + u.ru_nivcsw);
}
double cpu_of(const rusage& u) {
  const auto us = [](const timeval& t) { return 1e6 * double(t.tv_sec) + double(t.tv_usec); };
  return us(u.ru_utime) + us(u.ru_stime);
}

double median(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
  return all[all.size() / 2];
}

figures measure(service& s, way& w, unsigned threads, seconds how_long) {
  std::atomic<bool> over = false;
  std::barrier begin(threads + 1);
  std::vector<std::vector<float>> took(threads);
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    took[t].reserve(1'000'000);
    all.emplace_back([&, t]() noexcept {
      for (int n = 0; n < 100; ++n) w.ask(t);  // connections, caches
      begin.arrive_and_wait();
      while (!over.load(std::memory_order_relaxed)) {
        const auto since = clock_type::now();
        w.ask(t);
        took[t].push_back(
            std::chrono::duration<float, std::micro>(clock_type::now() - since).count());
      }
    });
  }
  rusage before{}, after{};
  begin.arrive_and_wait();
  const double reads = s.reads();
  getrusage(RUSAGE_SELF, &before);
  const auto since = clock_type::now();
  std::this_thread::sleep_for(how_long);
  over = true;
  for (std::thread& t : all) t.join();
  const double span = seconds(clock_type::now() - since).count();
  getrusage(RUSAGE_SELF, &after);
  std::vector<float> each;
  for (const auto& own : took) each.insert(each.end(), own.begin(), own.end());
  const auto p99 = each.begin() + static_cast<std::ptrdiff_t>(each.size() * 99 / 100);
  std::nth_element(each.begin(), p99, each.end());
  const double n = static_cast<double>(each.size()), server_reads = s.reads() - reads;
  return {n / span, *p99, (switches_of(after) - switches_of(before)) / n,
          (cpu_of(after) - cpu_of(before)) / n, server_reads > 0 ? n / server_reads : 0};
}

/// The ways take turns in each round, and another begins it each time, so that what else the
/// machine does, and what the way before has left it in, meets all of them.
void measure_all(service& s, unsigned threads, int rounds, seconds how_long) {
  const std::vector<contender> contenders = s.contenders();
  std::vector<std::vector<figures>> all(contenders.size());
  std::vector<unsigned> connections(contenders.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
      const std::size_t c = (turn + static_cast<std::size_t>(round)) % contenders.size();
      const auto w = contenders[c].make(threads);
      connections[c] = w->connections();
      all[c].push_back(measure(s, *w, threads, how_long));
    }
  }
  for (std::size_t c = 0; c < contenders.size(); ++c) {
    const auto middle = [&](auto of) {
      std::vector<double> values;
      for (int round = 0; round < rounds; ++round)
        values.push_back(of(static_cast<std::size_t>(round)));
      return median(values);
    };
    std::printf("| %s | %u | %s | %u | %.0f | %.2f | %.0f | %.1f | %.1f | %.1f |\n",
                s.name().c_str(), threads, contenders[c].name.c_str(), connections[c],
                middle([&](std::size_t r) { return all[c][r].per_second; }),
                middle([&](std::size_t r) { return all[c][r].per_second / all[1][r].per_second; }),
                middle([&](std::size_t r) { return all[c][r].p99_us; }),
                middle([&](std::size_t r) { return all[c][r].cpu_us; }),
                middle([&](std::size_t r) { return all[c][r].switches; }),
                middle([&](std::size_t r) { return all[c][r].at_once; }));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace client_bench

int main(int argc, char** argv) {
  doctest::Context asserts;
  asserts.setAsDefaultForAssertsOutOfTestCases();
  asserts.setAssertHandler([](const doctest::AssertData& a) {
    std::fprintf(stderr, "failed: %s\n", a.m_expr);
    std::exit(1);
  });
  const int rounds = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 5;
  const client_bench::seconds how_long(argc > 2 ? std::atof(argv[2]) : 1.0);
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) std::printf("Load before: %.1f\n\n", load[0]);
  std::puts(
      "| | threads | way | connections | requests/s | of a connection each | p99, us | CPU, us | "
      "context switches | read at once |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|");
  for (const auto start : {client_bench::start_redis, client_bench::start_pg}) {
    const auto s = start();
    for (const unsigned threads : {1u, 4u, 16u, 64u})
      client_bench::measure_all(*s, threads, rounds, how_long);
  }
}
