// Measures what bench/scale's simulation needs to know of this machine, and what it must foretell.
// One line of JSON for each sample. Takes two CPUs and a second a round; run by tools/scale.
#include <dlfcn.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "checks.hpp"

namespace scale {
std::atomic<long> rings{0};
}

/// The library's own system calls come through here, in place of libc's.
extern "C" long syscall(long number, ...) noexcept {
  static constinit std::atomic<long (*)(long, ...)> real{nullptr};
  if (number == SYS_write) ++scale::rings;
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (real.load() == nullptr) {
    real = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
  }
  return real.load()(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

namespace {

using loopbridge::bridge;
using loopbridge::bridge_group;
using scale::report;
namespace costs = scale::costs;
namespace checks = scale::checks;

/// Runs `f`, not bound to a CPU, and reports what it returns under its names.
template <class F>
void measure(std::initializer_list<std::string> names, F&& f) {
  cpu_set_t both;
  CPU_ZERO(&both);
  CPU_SET(0, &both);
  CPU_SET(1, &both);
  sched_setaffinity(0, sizeof(both), &both);
  const double line = costs::line();
  const auto values = f();
  auto name = names.begin();
  if constexpr (std::is_same_v<std::decay_t<decltype(values)>, double>) {
    report(*name, values, line);
  } else {
    report(*name++, values.first, line);
    report(*name, values.second, line);
  }
}

bridge& in_turn(bridge_group& g, int) {
  return g.next();
}
bridge& by_key(bridge_group& g, int i) {
  return g.by_key(i);
}
bridge& least(bridge_group& g, int) {
  return g.least_queued();
}

void measure_costs() {
  measure({"line"}, costs::line);
  measure({"cas"}, costs::cas);
  measure({"clock"}, costs::clock_read);
  measure({"turn"}, costs::turn);
  measure({"wake", "write_that_wakes"}, costs::wake);
  measure({"post", "run_other_cpu"}, [] {
    scale::pin(0);
    return costs::post_and_run(1);
  });
  measure({"run_same_cpu"}, [] {
    scale::pin(0);
    return costs::post_and_run(0).second;
  });
  measure({"lane_run_same_cpu"}, [] { return costs::ring_put_and_run(false).second; });
  measure({"lane_post", "lane_run_other_cpu"}, [] { return costs::ring_put_and_run(true); });
  for (const std::size_t loops : {2, 16}) {
    const std::string n = std::string("_").append(std::to_string(loops));
    bridge_group group(loops);
    measure({"choose_in_turn" + n}, [&] { return costs::choosing(group, in_turn); });
    measure({"choose_by_key" + n}, [&] { return costs::choosing(group, by_key); });
    measure({"choose_least_queued" + n}, [&] { return costs::choosing(group, least); });
  }
}

void measure_checks() {
  for (const int producers : {1, 2, 4}) {
    const std::string n = std::string("_").append(std::to_string(producers));
    measure({"pushes" + n, "retries" + n}, [=] { return checks::pushes(producers); });
    measure({"throughput" + n}, [=] { return checks::throughput(producers); });
    measure({"lane_throughput" + n}, [=] { return checks::ring_throughput(producers); });
    measure({"latency" + n, "rings" + n}, [=] { return checks::paced(producers); });
  }
  for (const std::size_t loops : {1, 2}) {
    const std::string n = std::string("_").append(std::to_string(loops));
    measure({"group_in_turn" + n}, [=] { return checks::group_throughput(loops, in_turn); });
    measure({"group_by_key" + n}, [=] { return checks::group_throughput(loops, by_key); });
    measure({"group_least_queued" + n}, [=] { return checks::group_throughput(loops, least); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (std::thread::hardware_concurrency() < 2) {
    std::fputs("scale: needs two CPUs\n", stderr);
    return 1;
  }
  // All in turns, so that each is measured at several moments.
  for (int rounds = argc > 1 ? std::atoi(argv[1]) : 15; rounds > 0; --rounds) {
    measure_costs();
    measure_checks();
  }
}
