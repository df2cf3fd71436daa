#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "contender.hpp"

namespace bench {

enum class better { lower, higher };

/// One row of the table.
struct figure {
  std::string name;
  std::string unit;
  better direction;
};

/// Something to measure: it yields one or more figures for each contender.
struct measurement {
  std::vector<figure> figures;
  /// One per contender, in their order: starts the contender, measures, ends it. `scale` shortens
  /// the run (1: as long as intended). Returns a value for each of `figures`.
  std::vector<std::function<std::vector<double>(double scale)>> runs;
};

/// A new contender for every run, so that the scheduler places its thread anew and a lucky
/// placement is not measured nine times.
template <contender C, class M>
std::vector<double> run_anew(const M& m, double scale) {
  C c;
  return m.run(c, scale);
}

/// For anything with figures() and run(contender&, scale).
template <contender... Contenders, class M>
measurement measure_all(const M& m) {
  measurement all{m.figures(), {}};
  (all.runs.push_back([m](double scale) { return run_anew<Contenders>(m, scale); }), ...);
  return all;
}

inline std::size_t scaled(std::size_t count, double scale) {
  return std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(count) * scale), 100);
}

/// The closure that is posted: 16 bytes, trivially copyable.
struct add_to {
  std::uint64_t* sum;
  std::uint64_t value;
  void operator()() const noexcept { *sum += value; }
};
static_assert(sizeof(add_to) == 16);

/// Nobody is fast who loses calls.
inline void require_sum(std::uint64_t sum, std::uint64_t expected) {
  if (sum != expected) throw std::runtime_error("a contender lost calls or ran some twice");
}

inline double nanoseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

/// CPU time of the whole process so far.
inline double cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

}  // namespace bench
