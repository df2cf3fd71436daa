#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "library.hpp"

namespace weak {

/// A small program whose threads meet somewhere in the library.
struct scenario {
  const char* name;
  void (*program)();
  limits how_far;
};
inline std::vector<scenario> scenarios;
/// Its index.
inline std::size_t add(const char* name, void (*program)(), limits how_far = {}) {
  scenarios.push_back({name, program, how_far});
  return scenarios.size() - 1;
}

void expect_clean(std::size_t scenario);

/// Options of bridges on which nobody spins: the meetings with sleep are those that are delicate.
inline loopbridge::options asleep() {
  return {.spin = loopbridge::spinning::off};
}

/// The project's folder.
inline constexpr const char* source_root = LOOPBRIDGE_SOURCE_ROOT;

/// How often something happened. It orders nothing, and is looked at when all is over.
class tally {
 public:
  void operator++() { ++count_; }
  void operator+=(unsigned long more) { count_ += more; }
  operator unsigned long() const { return count_; }

 private:
  unsigned long count_ = 0;
};

}  // namespace weak

/// A scenario and the test case that it is clean; after the name, limits other than the usual.
#define WEAK_SCENARIO(...) \
  WEAK_SCENARIO_AS(DOCTEST_ANONYMOUS(weak_scenario_), DOCTEST_ANONYMOUS(weak_added_), __VA_ARGS__)
#define WEAK_SCENARIO_AS(function, added, name, ...)                                     \
  static void function();                                                                \
  static const std::size_t added = weak::add(name, function __VA_OPT__(, ) __VA_ARGS__); \
  TEST_CASE(name) {                                                                      \
    weak::expect_clean(added);                                                           \
  }                                                                                      \
  static void function()
