// Compiled with -fno-rtti, which some projects use, exceptions and all; the library is as always.
#include <doctest/doctest.h>

#include "consumer/headers/everything.hpp"
#include "loopbridge/results/stash.hpp"

#ifdef __cpp_rtti
#error "to be compiled with -fno-rtti"
#endif

TEST_CASE("everything works without RTTI") {
  CHECK(everything().use() == std::vector<std::string>());
}

namespace {
struct fruit {
  int n;
};
}  // namespace

TEST_CASE("the stash tells types apart without RTTI, and names them") {
  loopbridge::bridge b;
  struct fruit {
    long n;
  };
  const auto own = loopbridge::stash(b.submit([] { return ::fruit{1}; }));
  CHECK_THROWS_AS((void)loopbridge::retrieve<fruit>(own), loopbridge::not_stashed);
  CHECK(loopbridge::retrieve<::fruit>(own).get().n == 1);
  const auto number = loopbridge::stash(b.submit([] { return 1; }));
  CHECK_THROWS_WITH_AS((void)loopbridge::retrieve<std::string>(number),
                       doctest::Contains("retrieve<int>() gives it back, and not retrieve<std::"),
                       loopbridge::not_stashed);
  CHECK(loopbridge::retrieve<int>(number).get() == 1);
}
