#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/compiler.hpp"
#include "harness/measure.hpp"

namespace bench {

/// What the compiler's CPU time is for a small program that uses a contender. Naive's includes what
/// such a bridge is written with.
struct compile_time {
  static constexpr std::size_t rounds = 5;

  std::string name() const { return "compiling a program that posts a lambda"; }
  std::vector<figure> figures() const { return {{"-O0", "ms"}, {"-O2", "ms"}}; }
  template <class C>
  static constexpr bool fits = requires { C::compiled; };

  template <class C>
  std::vector<double> run(effort) const {
    return {milliseconds_to_compile(C::compiled, "-O0"),
            milliseconds_to_compile(C::compiled, "-O2")};
  }
};

}  // namespace bench
