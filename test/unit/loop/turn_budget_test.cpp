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

/// Time passes only where the test says so. The counter goes on by so many ticks in a microsecond.
struct test_clock {
  using time_point = std::chrono::steady_clock::time_point;

  static inline std::chrono::nanoseconds passed{};
  static inline std::uint64_t rate = 2450;
  static inline int looks = 0;
  static inline int counter_looks = 0;

  static time_point now() noexcept {
    ++looks;
    return time_point(passed);
  }
  static std::uint64_t ticks() noexcept {
    ++counter_looks;
    return static_cast<std::uint64_t>(passed.count()) * rate / 1000;
  }
  static void start() {
    passed = 1h;
    looks = counter_looks = 0;
  }
};
using budget = loopbridge::detail::basic_turn_budget<test_clock>;

/// One that knows how far the counter goes.
budget taught() {
  test_clock::start();
  budget b;
  while (!b.is_spent()) test_clock::passed += budget::longest;
  b.renew();
  return b;
}

/// A turn of `shorts` calls of 10 ns, and then calls of `length` as long as the budget lasts. How
/// many of all these began after it was spent, which counts from the second one on.
int late_calls(budget b, int shorts, std::chrono::nanoseconds length) {
  test_clock::start();
  auto begun = test_clock::passed;
  int late = 0;
  for (int call = 0; !b.is_spent(); ++call) {
    if (call == 1) begun = test_clock::passed;
    if (test_clock::passed - begun >= budget::longest) ++late;
    if (late > 100) return late;
    test_clock::passed += call < shorts ? 10ns : length;
  }
  return late;
}

/// The worst, after however many short calls.
int most_late_calls(const budget& b, std::chrono::nanoseconds length) {
  int most = 0;
  for (int shorts = 0; shorts <= 70; ++shorts) most = std::max(most, late_calls(b, shorts, length));
  return most;
}

}  // namespace

TEST_CASE("one call at most begins after the budget is spent, however long the calls are") {
  for (const std::chrono::nanoseconds length : std::initializer_list<std::chrono::nanoseconds>{
           1us, 4us, 20us, 30us, 51us, 200us, 1ms, 5ms, 20ms}) {
    CAPTURE(length.count());
    CHECK(most_late_calls(taught(), length) <= 1);
    CHECK(most_late_calls(budget(), length) <= 1);  // which does not know the counter yet
  }
}

TEST_CASE("nobody looks at a clock for a single call, and rarely while calls are short") {
  budget b = taught();
  test_clock::start();
  CHECK_FALSE(b.is_spent());
  test_clock::passed += 1h;
  CHECK(test_clock::looks + test_clock::counter_looks == 0);

  test_clock::start();
  b.renew();
  constexpr int many = 4000;
  for (int i = 0; i < many; ++i) {
    REQUIRE_FALSE(b.is_spent());
    test_clock::passed += 10ns;
  }
  CHECK(test_clock::looks <= many / 1024 + 1);
  CHECK(test_clock::counter_looks <= many / 2 + 1);
}

TEST_CASE("the clock has the last word, whatever the counter does") {
  // It goes ten times as fast as before: the clock says that the time is not up.
  budget b = taught();
  test_clock::rate *= 10;
  test_clock::start();
  const auto begun = test_clock::passed;
  while (!b.is_spent()) test_clock::passed += 100ns;
  CHECK(test_clock::passed - begun >= budget::longest);
  CHECK(test_clock::passed - begun <= budget::longest + 200ns);
  // It stands still: the clock is looked at all the same.
  test_clock::rate = 0;
  test_clock::start();
  b.renew();
  int calls = 0;
  while (!b.is_spent()) {
    test_clock::passed += budget::longest;
    ++calls;
  }
  CHECK(calls <= 1026);
  test_clock::rate = 2450;
}

TEST_CASE("once spent it stays spent, and a caller that has read the clock is told so too") {
  test_clock::start();
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
