#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/clients/backoff.hpp>
#include <set>

TEST_SUITE_BEGIN("backoff");

using namespace std::chrono_literals;
using loopbridge::clients::backoff;

TEST_CASE("each wait is between half of what is due and all of it, and twice as much is due then") {
  backoff b(500ms);
  for (const auto due : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 500ms, 500ms, 500ms}) {
    const auto wait = b.next();
    CHECK(wait >= due / 2);
    CHECK(wait <= due);
  }
}

TEST_CASE("after a success the waits begin anew") {
  backoff b;
  for (int n = 0; n < 9; ++n) (void)b.next();
  b.reset();
  CHECK(b.next() <= 10ms);
}

TEST_CASE("waits are not all the same, so that many clients do not come back at once") {
  backoff b;
  std::set<std::chrono::milliseconds> waits;
  for (int n = 0; n < 200; ++n) waits.insert(b.next());
  CHECK(waits.size() > 20);
}
