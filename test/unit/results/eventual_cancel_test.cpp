// eventual::cancel. (cancel_hook_test has what it does to calls that wait for a deferred.)
#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("eventual: cancel");

using loopbridge::bridge;
using support::generous;
using support::holds;

TEST_CASE(
    "a queued call that is cancelled never runs, and is destroyed by the thread that cancels it") {
  bridge b(support::with_each_doorbell());
  support::counts counts;
  bool ran = false;
  std::optional<support::held_loop> held(std::in_place, b);
  auto answer = b.submit([&, t = support::token(counts)] { ran = true; });
  CHECK(answer.cancel());
  CHECK(answer.ready());
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
  CHECK_FALSE(answer.cancel());
  CHECK_THROWS_WITH_AS(answer.get(), doctest::Contains("eventual_cancel_test.cpp"),
                       loopbridge::cancelled);
  CHECK(holds<loopbridge::cancelled>(answer.error()));
  held.reset();
  support::catch_up(b);
  CHECK_FALSE(ran);
}

TEST_CASE("a queued call that is cancelled and dropped before the loop finds it leaves nothing") {
  const support::error_log log;
  support::counts counts;
  bridge b(support::reporting_to(log));
  std::optional<support::held_loop> held(std::in_place, b);
  for (int i = 0; i < 100; ++i) CHECK(b.submit([t = support::token(counts)] {}).cancel());
  auto kept = b.submit([] {});
  CHECK(kept.cancel());
  held.reset();
  support::catch_up(b);
  CHECK(counts.made == 100);
  CHECK(counts.destroyed == 100);
  CHECK(log.size() == 0);  // the canceller knows
}

TEST_CASE("a call that runs cannot be cancelled") {
  bridge b(support::with_each_doorbell());
  support::gate running, go_on;
  auto answer = b.submit([=] {
    running.open();
    (void)go_on.wait();
    return 1;
  });
  REQUIRE(running.wait());
  CHECK_FALSE(answer.cancel());
  go_on.open();
  CHECK(answer.get_for(generous) == 1);
  CHECK_FALSE(answer.cancel());
}

TEST_CASE("cancelling releases the waiters") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  const support::held_loop held(b);
  const auto answer = b.submit([] { return 1; });
  std::atomic<int> told{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&]() noexcept {
      try {
        answer.get();
      } catch (const loopbridge::cancelled&) {
        ++told;
      }
    });
  }
  CHECK(answer.cancel());
  for (std::thread& t : waiters) t.join();
  CHECK(told == 3);
}

TEST_CASE("of starting and cancelling at the same time exactly one happens") {
  bridge b(support::with_each_doorbell());
  for (int i = 0; i < 2000; ++i) {
    std::atomic<bool> ran{false};
    auto answer = b.submit([&] { ran = true; });
    const bool cancelled = answer.cancel();
    REQUIRE(answer.wait_for(generous));
    REQUIRE(ran != cancelled);
    REQUIRE(holds<loopbridge::cancelled>(answer.error()) == cancelled);
  }
}
