// How many calls the loop runs between two looks at I/O: the budget by itself, on a clock that the
// calls move.
#include "loop/turn_budget.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>

TEST_SUITE_BEGIN("turn budget");

using namespace std::chrono_literals;

namespace {

/// Time passes only where the test says so. The coarse clock moves in steps of 4 ms.
struct test_clock {
  using time_point = std::chrono::steady_clock::time_point;

  static inline std::chrono::nanoseconds passed{};
  static inline int looks = 0;
  static inline int coarse_looks = 0;

  static time_point now() noexcept {
    ++looks;
    return time_point(passed);
  }
  static std::uint64_t coarse() noexcept {
    ++coarse_looks;
    return static_cast<std::uint64_t>(passed / 4ms);
  }
  /// Where in a step of the coarse clock the next turn begins.
  static void start(std::chrono::nanoseconds in_step) {
    passed = 1h + in_step;
    looks = coarse_looks = 0;
  }
};
using budget = loopbridge::detail::basic_turn_budget<test_clock>;

/// A turn of `shorts` calls of 10 ns, and then calls of `length` as long as the budget lasts. How
/// many of all these began after it was spent.
int late_calls(int shorts, std::chrono::nanoseconds length, std::chrono::nanoseconds in_step) {
  test_clock::start(in_step);
  const auto begun = test_clock::passed;
  budget b;
  int late = 0;
  for (int call = 0; !b.is_spent(); ++call) {
    if (test_clock::passed - begun >= budget::longest) ++late;
    if (late > 100) return late;
    test_clock::passed += call < shorts ? 10ns : length;
  }
  return late;
}

/// The worst, wherever in the coarse clock's step, and after however many short calls.
int most_late_calls(int least_shorts, int most_shorts, std::chrono::nanoseconds length) {
  int most = 0;
  for (int shorts = least_shorts; shorts <= most_shorts; ++shorts) {
    for (auto in_step = 0us; in_step < 4ms; in_step += 97us) {
      most = std::max(most, late_calls(shorts, length, in_step));
    }
  }
  return most;
}

}  // namespace

TEST_CASE("of calls that are long from the start, one at most begins after the budget is spent") {
  for (const std::chrono::nanoseconds length :
       std::initializer_list<std::chrono::nanoseconds>{30us, 51us, 200us, 1ms, 5ms, 20ms}) {
    CAPTURE(length.count());
    CHECK(most_late_calls(0, 0, length) <= 1);
  }
}

TEST_CASE("after short ones, it is one of 5 ms, or five of 1 ms, or sixteen of any length") {
  CHECK(most_late_calls(1, 70, 20ms) <= 1);
  CHECK(most_late_calls(1, 70, 5ms) <= 1);
  CHECK(most_late_calls(1, 70, 1ms) <= 5);
  for (const std::chrono::nanoseconds length :
       std::initializer_list<std::chrono::nanoseconds>{1us, 4us, 20us, 51us, 100us, 333us}) {
    CAPTURE(length.count());
    CHECK(most_late_calls(1, 70, length) <= 16);
  }
}

TEST_CASE("nobody looks at a clock for a single call, and rarely while calls are short") {
  test_clock::start(0us);
  budget single;
  CHECK_FALSE(single.is_spent());
  test_clock::passed += 1h;
  CHECK(test_clock::looks + test_clock::coarse_looks == 0);

  constexpr int many = 1600;
  budget b;
  for (int i = 0; i < many; ++i) {
    REQUIRE_FALSE(b.is_spent());
    test_clock::passed += 10ns;
  }
  CHECK(test_clock::looks <= many / 16 + 2);
  CHECK(test_clock::coarse_looks <= many / 2);
}

TEST_CASE("once spent it stays spent, and a caller that has read the clock is told so too") {
  test_clock::start(0us);
  budget b;
  while (!b.is_spent()) test_clock::passed += 1ms;
  for (int i = 0; i < 40; ++i) CHECK(b.is_spent());
  CHECK(b.is_spent_at(test_clock::now()));

  budget begun_by_a_look;
  CHECK_FALSE(begun_by_a_look.is_spent_at(test_clock::now()));
  CHECK_FALSE(begun_by_a_look.is_spent());
  test_clock::passed += 1ms;
  CHECK(begun_by_a_look.is_spent_at(test_clock::now()));
  CHECK(begun_by_a_look.is_spent());
}
