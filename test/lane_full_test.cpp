// bridge::lane, where the loop does not keep up: what becomes of a post to a lane that is full.
#include <doctest/doctest.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/lane_tools.hpp"
#include "support/resources.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("lane: full");

using loopbridge::bridge;
using loopbridge::full_lane;
using loopbridge::lane;
using loopbridge::status;
using support::catch_up;
using support::fill;
using support::generous;
using support::lane_capacity;

TEST_CASE("a full lane that blocks waits for room and loses nothing") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane();
  int ran = 0;
  std::optional<support::held_loop> held(b);
  CHECK(fill(l, ran) == lane_capacity);
  std::atomic<pid_t> waiter{0};
  std::thread producer([&]() noexcept {
    waiter = gettid();
    for (int i = 0; i < 5 * lane_capacity; ++i) l.post([&ran] { ++ran; });
  });
  CHECK(support::comes_true([&] { return waiter != 0 && support::sleeps(waiter); }));
  held.reset();
  producer.join();
  catch_up(l);
  CHECK(ran == 6 * lane_capacity);
}

TEST_CASE("a full lane that refuses says so, and takes calls again when there is room") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane(full_lane::refuse);
  support::counts counts;
  int ran = 0;
  {
    const support::held_loop held(b);
    CHECK(fill(l, ran) == lane_capacity);
    CHECK_THROWS_WITH_AS(l.post([t = support::token(counts)] {}),
                         doctest::Contains("lane_full_test.cpp"), loopbridge::lane_full);
    CHECK(counts.alive() == 0);
  }
  // A turn may end before it has run all of a lane.
  REQUIRE(support::comes_true([&] { return b.call([&] { return ran; }) == lane_capacity; }));
  catch_up(l);
  CHECK(ran == lane_capacity);
}

TEST_CASE("a full lane that spills keeps the order of its calls") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane(full_lane::spill);
  std::vector<int> ran;
  {
    const support::held_loop held(b);
    for (int i = 0; i < 3 * lane_capacity; ++i) l.post([&ran, i] { ran.push_back(i); });
  }
  for (int i = 3 * lane_capacity; i < 6 * lane_capacity; ++i)
    l.post([&ran, i] { ran.push_back(i); });
  catch_up(l);
  REQUIRE(ran.size() == 6 * lane_capacity);
  for (int i = 0; i < 6 * lane_capacity; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a spilled call waits for those before it, also where one of them runs the loop") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(b);
  lane l = b.lane(full_lane::spill);  // the loop hears of it along with what has spilled
  std::vector<int> ran;
  const auto run_loop = [&](int i) {
    l.post([&ran, i](loopbridge::loop_ref loop) {
      ran.push_back(i);
      uv_run(loop, UV_RUN_NOWAIT);
    });
  };
  run_loop(0);  // in the lane
  for (int i = 1; i < lane_capacity + 2; ++i) l.post([&ran, i] { ran.push_back(i); });
  run_loop(lane_capacity + 2);  // spilled
  for (int i = lane_capacity + 3; i < lane_capacity + 5; ++i)
    l.post([&ran, i] { ran.push_back(i); });
  held.reset();
  catch_up(l);
  REQUIRE(ran.size() == lane_capacity + 5);
  for (int i = 0; i < lane_capacity + 5; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("on the loop's own thread a full lane spills rather than wait for itself") {
  const support::watchdog dog;
  bridge b;
  std::vector<int> ran;
  lane l = b.lane();
  b.call_for(generous, [&] {
    for (int i = 0; i < 3 * lane_capacity; ++i) l.post([&ran, i] { ran.push_back(i); });
  });
  catch_up(l);
  REQUIRE(ran.size() == 3 * lane_capacity);
  for (int i = 0; i < 3 * lane_capacity; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("post_reentrant goes to the lane, or where that is full to the bridge's pool") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane();
  int ran = 0;
  {
    const support::held_loop held(b);
    CHECK(l.post_reentrant([&ran] { ++ran; }) == status::accepted);
    CHECK(fill(l, ran) == lane_capacity - 1);
    CHECK(l.post_reentrant([&ran] { ++ran; }) == status::accepted);
  }
  catch_up(l);
  b.call([] {});
  CHECK(ran == lane_capacity + 1);
}

TEST_CASE("a loop that would wait for room in a lane, in a circle, is told so") {
  const support::watchdog dog;
  int ran = 0;
  bridge a;
  bridge b;
  lane to_b = b.lane();
  b.call([&] {  // waits for a, and so makes no room
    a.call([&] {
      CHECK(fill(to_b, ran) == lane_capacity);
      CHECK_THROWS_AS(to_b.post([] {}), loopbridge::would_deadlock);
    });
  });
}
