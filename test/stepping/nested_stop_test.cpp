// Two levels of handlers, as in nested_test.cpp, one of which stops the bridge.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("stepping: handlers inside handlers, and a stop");

using namespace stepping;

namespace {

const operation stop{.name = "stop_reentrant",
                     .run = [](stepped_bridge& s) { s.bridge->stop_reentrant(); },
                     .stops = true};

}  // namespace

TEST_CASE("a handler that stops may be interrupted by one that submits" *
          doctest::skip(!available)) {
  step_through_pairs(post_reentrant, loop_is::asleep, stops, submits_prepaid);
  step_through_pairs(post_reentrant, loop_is::held, stops, submits_and_waits);
  step_through_pairs(stop, loop_is::asleep, submits_prepaid, submits_and_waits);
}

TEST_CASE("a handler that submits may be interrupted by one that stops" *
          doctest::skip(!available)) {
  step_through_pairs(post_reentrant, loop_is::asleep, submits, stops);
  step_through_pairs(fire, loop_is::asleep, submits_prepaid, stops);
  step_through_pairs(fire, loop_is::held, submits_and_waits, stops);
  step_through_pairs(fire, loop_is::asleep, submits_prepaid, stops_and_sees_the_end);
}
