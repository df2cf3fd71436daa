// Ours beside the way everybody writes it, in one table. See usage() for the options.
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "call_round_trip.hpp"
#include "contenders/loopbridge.hpp"
#include "contenders/naive.hpp"
#include "measurement.hpp"
#include "placement.hpp"
#include "post_cost.hpp"
#include "report.hpp"
#include "throughput.hpp"

namespace bench {
namespace {

struct settings {
  std::size_t rounds = 9;
  double scale = 1;
  bool json = false;
  std::string only;
};

[[noreturn]] void usage(int status) {
  std::fputs(
      "usage: bench [--rounds N] [--quick] [--only TEXT] [--json]\n"
      "  --rounds N   how often each contender is measured, in turns (9; 5 or more to trust it)\n"
      "  --quick      5 rounds of a tenth of the length: does it work, is anything far off?\n"
      "  --only TEXT  only the measurements with TEXT in their name\n"
      "  --json       every value of every round instead of the table\n",
      status == 0 ? stdout : stderr);
  std::exit(status);
}

settings parse(int argc, char** argv) {
  settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (arg == "--quick") {
      s.rounds = 5;
      s.scale = 0.1;
    } else if (arg == "--json") {
      s.json = true;
    } else if (arg == "--rounds" && value != nullptr) {
      s.rounds = std::strtoul(value, nullptr, 10);
      if (s.rounds == 0) usage(2);
      ++i;
    } else if (arg == "--only" && value != nullptr) {
      s.only = value;
      ++i;
    } else {
      usage(arg == "--help" ? 0 : 2);
    }
  }
  return s;
}

/// The first is the baseline, the second is the one that the verdicts are about.
template <contender... Contenders>
struct field {
  static std::vector<std::string> names() { return {std::string(Contenders::name)...}; }

  static std::vector<measurement> measurements() {
    std::vector<measurement> all;
    const auto add = [&](auto m) { all.push_back(measure_all<Contenders...>(m)); };
    add(post_cost_loop_held{});
    add(post_cost_loop_awake{});
    for (const unsigned producers : {1u, 2u, 4u}) add(throughput{producers});
    add(call_round_trip{.where = placement::same_cpu, .calls = 10'000});
    if (usable_cpus() > 1) add(call_round_trip{.where = placement::cross_cpu, .calls = 2'000});
    add(call_round_trip{.where = placement::free, .calls = 4'000});
    add(call_round_trip{.where = placement::free, .callers = 4, .calls = 2'000});
    return all;
  }
};

using everybody = field<naive, loopbridge_self_pipe, loopbridge_uv_async>;

#ifdef __clang__
constexpr const char* compiler = "clang++ " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

std::vector<std::string> remarks(const settings& s) {
  double load[3] = {};
  uv_loadavg(load);
  char text[200];
  std::snprintf(text, sizeof(text),
                "%u CPUs, load %.1f at the start; libuv %s; %s; %zu rounds, shuffled; closures of "
                "16 bytes.",
                usable_cpus(), load[0], uv_version_string(), compiler, s.rounds);
  std::vector<std::string> all{
      text, "Medians over the rounds; the ratio (to naive) is the median of each round's own."};
#ifndef __OPTIMIZE__
  all.push_back("Built without optimisation: these figures mean nothing. See tools/bench.");
#endif
  if (s.scale < 1) all.push_back("--quick: short runs, so rough figures.");
  if (usable_cpus() < 2) all.push_back("One CPU: nothing was measured across CPUs.");
  return all;
}

/// On stderr, if somebody looks.
class progress {
 public:
  explicit progress(std::size_t steps) : steps_(steps), shown_(isatty(STDERR_FILENO) != 0) {}
  ~progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void step(std::size_t round, const std::string& what, const std::string& who) {
    if (shown_) {
      std::fprintf(stderr, "\r\033[K%3zu%%  round %zu: %s: %s", 100 * done_ / steps_, round + 1,
                   what.c_str(), who.c_str());
    }
    ++done_;
  }

 private:
  const std::size_t steps_;
  const bool shown_;
  std::size_t done_ = 0;
};

std::vector<std::size_t> shuffled(std::size_t count, std::mt19937& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

report run(const settings& s) {
  report r{everybody::names(), remarks(s), {}};
  std::vector<measurement> measurements = everybody::measurements();
  std::erase_if(measurements, [&](const measurement& m) {
    return m.figures.front().name.find(s.only) == std::string::npos;
  });
  std::vector<std::size_t> first_row;
  for (const measurement& m : measurements) {
    first_row.push_back(r.rows.size());
    for (const figure& f : m.figures) {
      r.rows.push_back({f, std::vector<std::vector<double>>(r.contenders.size())});
    }
  }
  // Contenders take turns within each measurement, so that what the machine does meanwhile hits
  // all of them; the orders are shuffled, so that nobody always comes after the same one.
  std::mt19937 random{std::random_device{}()};
  progress shown(s.rounds * measurements.size() * r.contenders.size());
  for (std::size_t round = 0; round < s.rounds; ++round) {
    for (const std::size_t m : shuffled(measurements.size(), random)) {
      for (const std::size_t c : shuffled(r.contenders.size(), random)) {
        shown.step(round, measurements[m].figures.front().name, r.contenders[c]);
        const std::vector<double> values = measurements[m].runs[c](s.scale);
        for (std::size_t v = 0; v < values.size(); ++v) {
          r.rows[first_row[m] + v].values[c].push_back(values[v]);
        }
      }
    }
  }
  return r;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    const bench::settings s = bench::parse(argc, argv);
    const bench::report r = bench::run(s);
    s.json ? bench::print_json(r) : bench::print_table(r);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
    return 1;
  }
}
