// Random operations on bridges, against an independent account of what was accepted.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "report.hpp"
#include "round.hpp"
#include "support/tsan_suppressions.hpp"
#include "watch.hpp"

namespace {

struct arguments {
  double seconds = 60;
  std::uint64_t seed = std::random_device{}() * std::uint64_t{0x100000001} ^ std::random_device{}();
  std::uint64_t first_round = 0;
  std::uint64_t rounds = ~std::uint64_t{0};
  std::chrono::seconds deadline{60};
  soak::round_limits limits;
};

arguments parse(int argc, char** argv) {
  arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&] {
      if (++i == argc) {
        std::fprintf(stderr, "soak: %s needs a value\n", name.c_str());
        std::exit(2);
      }
      return std::strtoull(argv[i], nullptr, 0);
    };
    if (name == "--seed") {
      a.seed = value();
    } else if (name == "--round") {
      a.first_round = value();
    } else if (name == "--rounds") {
      a.rounds = value();
    } else if (name == "--deadline") {
      a.deadline = std::chrono::seconds(value());
    } else if (name == "--actors") {
      a.limits.actors = static_cast<unsigned>(value());
    } else if (name == "--operations") {
      a.limits.operations = static_cast<unsigned>(value());
    } else if (name == "--no-signals") {
      a.limits.signals = false;
    } else if (name == "--no-forks") {
      a.limits.forks = false;
    } else if (!name.empty() && name[0] >= '0' && name[0] <= '9') {
      a.seconds = std::strtod(name.c_str(), nullptr);
    } else {
      std::fprintf(
          stderr,
          "usage: soak [SECONDS] [--seed N] [--round FIRST] [--rounds COUNT] [--actors N]\n"
          "            [--operations N] [--no-signals] [--no-forks] [--deadline SECONDS]\n");
      std::exit(2);
    }
  }
  return a;
}

}  // namespace

int main(int argc, char** argv) {
  using clock = std::chrono::steady_clock;
  const arguments a = parse(argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(a.seed));
  std::fflush(stdout);

  soak::account books;
  soak::tally counts;
  soak::run_report report(a.seed, books, counts);
  const soak::watch watching(a.deadline, [&](const char* what) {
    report.print_failure(what);
    std::abort();
  });
  const auto begin = clock::now();
  std::uint64_t round = a.first_round;
  for (; round - a.first_round < a.rounds; ++round) {
    const double elapsed = std::chrono::duration<double>(clock::now() - begin).count();
    if (elapsed >= a.seconds) break;
    report.begin_round(round);
    soak::play_round(books, counts, soak::mixed(a.seed, round), a.limits);
    if (books.complaints() != 0 || report.has_grown()) {
      report.print_failure(nullptr);
      return 1;
    }
  }
  report.print_success(round - a.first_round);
  return 0;
}
