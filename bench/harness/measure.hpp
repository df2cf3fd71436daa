#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "contender.hpp"

namespace bench {

enum class better { lower, higher };

/// One column of a measure.
struct figure {
  std::string name;
  std::string unit;
  better direction = better::lower;
};

/// How much may be spent on one run of one contender.
struct effort {
  double seconds = 0.03;       ///< for what repeats something small
  double idle_seconds = 2;     ///< for what does nothing
  std::size_t most = 400'000;  ///< of whatever is repeated
};

/// Something to measure, as the classes in measures/ do:
///
///   name()                the title of its block in the table
///   figures()             its columns
///   run<C>(effort)        starts a C, measures, ends it; one value for each figure. A new C for
///                         every run, so that the scheduler places its thread anew, and a lucky
///                         placement is not measured nine times.
///   fits<C>()             constexpr: can it be measured of a C at all?
struct measure_info {
  std::string name;
  std::vector<figure> figures;
};

/// The closure that is posted: 16 bytes, trivially copyable.
struct add_to {
  std::uint64_t* sum;
  std::uint64_t value;
  void operator()() const noexcept { *sum += value; }
};
static_assert(sizeof(add_to) == 16);

/// What the closures add to. The loop writes there all the time, so it is on lines of its own: on
/// a producer's stack it would slow down whatever of the producer's lies beside it, and what is
/// measured would be chance.
struct alignas(128) total {
  std::uint64_t sum = 0;
};

/// A contender that loses calls is not fast.
inline void require_sum(std::uint64_t sum, std::uint64_t expected) {
  if (sum != expected) throw std::runtime_error("a contender lost calls or ran some twice");
}

using clock = std::chrono::steady_clock;

inline double nanoseconds_since(clock::time_point start) {
  return std::chrono::duration<double, std::nano>(clock::now() - start).count();
}

inline clock::time_point in_seconds(double seconds) {
  return clock::now() + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace bench
