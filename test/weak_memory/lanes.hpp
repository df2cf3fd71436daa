#pragma once

// Lanes: a producer that leaves out its fence against a loop that falls asleep, and against a stop.
#include "scenario.hpp"

// After the library, on which it depends.
#include "../support/lane_access.hpp"

namespace weak_lanes {

using loopbridge::status;
using weak::require;

/// A lane whose producer leaves its fences to the loop.
struct loud_lane {
  loud_lane() {
    bridge.call([this] { loopbridge::lane_access::state(lane).ring.note_traffic(1000); });
  }
  loopbridge::bridge bridge{weak::asleep()};
  loopbridge::lane lane = bridge.lane();
};

/// Posts what resolves a deferred, and waits for that: nobody else wakes the loop.
void post_and_wait(loopbridge::bridge& bridge, loopbridge::lane& lane) {
  weak::plain<int> given(1);
  loopbridge::completer<weak::plain<int>> done;
  auto answer = bridge.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  lane.post([&done, &given] { done.resolve(weak::plain<int>(given + 1)); });
  weak::plain<int> got = std::move(answer).get();
  require(got == 2, "a wrong answer");
}

WEAK_SCENARIO("what a lane posts is run, whether the loop sleeps or not") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::lane lane = bridge.lane();
  post_and_wait(bridge, lane);
}

WEAK_SCENARIO("what a lane posts without a fence is run, whether the loop sleeps or not") {
  loud_lane l;
  post_and_wait(l.bridge, l.lane);
}

WEAK_SCENARIO("a post without a fence is seen by a loop that falls asleep after a call",
              {.deviations = 3}) {
  loud_lane l;
  bool ran = false;
  const unsigned other = weak::start([&] {
    l.lane.post([&ran] { ran = true; });
    weak::block("the lane's call", [&ran] { return ran; });
  });
  l.bridge.call([] {});
  weak::join(other);
}

WEAK_SCENARIO("a post with a fence is seen by a loop that falls asleep after a call",
              {.deviations = 3}) {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::lane lane = bridge.lane();
  bool ran = false;
  const unsigned other = weak::start([&] {
    lane.post([&ran] { ran = true; });
    weak::block("the lane's call", [&ran] { return ran; });
  });
  bridge.call([] {});
  weak::join(other);
}

/// Each accepted post is run, each other refused.
void post_against_a_stop(loopbridge::bridge& bridge, loopbridge::lane& lane) {
  int accepted = 0;
  weak::tally ran;
  const unsigned other = weak::start([&] {
    for (int i = 0; i < 2; ++i) {
      const status s = lane.try_post([&ran, data = weak::plain<int>(1)] { ran += data; });
      if (s == status::accepted) ++accepted;
    }
  });
  bridge.stop();
  weak::join(other);
  require(ran == static_cast<unsigned long>(accepted), "accepted and not run, or run and refused");
}

WEAK_SCENARIO("a lane's posts against a stop: run, or refused") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::lane lane = bridge.lane();
  post_against_a_stop(bridge, lane);
}

WEAK_SCENARIO("a lane's posts without a fence against a stop: run, or refused") {
  loud_lane l;
  post_against_a_stop(l.bridge, l.lane);
}

WEAK_SCENARIO("a lane's call that spilled and the posts after it keep their order") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::lane lane = bridge.lane(loopbridge::full_lane::spill);
  weak::plain<int> last(0);  // of the loop's thread only
  const auto follows = [&last](int n) { last = last == n - 1 ? n : -1; };
  lane.post([&] { follows(1); });
  (void)loopbridge::lane_access::spill(lane, [&] { follows(2); });
  lane.post([&] { follows(3); });
  bridge.stop();
  require(last == 3, "run in another order");
}

}  // namespace weak_lanes
