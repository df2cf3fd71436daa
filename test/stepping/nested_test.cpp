// Two levels: at each instruction boundary of an operation a handler comes, and at each boundary of
// that handler a second one. A normal run visits every boundary of the operation and, in turn, a
// few of the first handler's; LOOPBRIDGE_STEPPING=full visits every pair.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("stepping: handlers inside handlers");

using namespace stepping;

namespace {

void answer_later(stepped_bridge& s) {
  s.answer = s.bridge->submit([&s] { return ++s.outer.ran; });
}

const operation post{.name = "post", .run = [](stepped_bridge& s) {
                       s.bridge->post([&s] { ++s.outer.ran; });
                       s.outer.expect(1);
                     }};
const operation blocking_call{.name = "call",
                              .run =
                                  [](stepped_bridge& s) {
                                    s.bridge->call([&s] { ++s.outer.ran; });
                                    s.outer.expect(1);
                                  },
                              .waits = true};
const operation cancel{.name = "cancel, queued",
                       .run = [](stepped_bridge& s) { s.said = s.answer->cancel(); },
                       .enqueue = answer_later,
                       .look =
                           [](stepped_bridge& s) {
                             if (!s.said) s.outer.expect(1);
                           }};

}  // namespace

TEST_CASE("a handler that submits may be interrupted by another that waits" *
          doctest::skip(!available)) {
  for (const operation* o : {&post, &post_reentrant, &fire, &fire_and_wait}) {
    step_through_pairs(*o, loop_is::asleep, submits, submits_and_waits);
    step_through_pairs(*o, loop_is::asleep, submits_prepaid, submits_and_waits);
  }
  step_through_pairs(blocking_call, loop_is::asleep, submits_prepaid, submits_and_waits);
  step_through_pairs(cancel, loop_is::held, submits_prepaid, submits_and_waits);
}

TEST_CASE("a handler that waits may be interrupted by another" * doctest::skip(!available)) {
  step_through_pairs(post, loop_is::asleep, submits_and_waits, submits_and_waits);
  step_through_pairs(fire, loop_is::asleep, submits_and_waits, submits);
  step_through_pairs(fire, loop_is::asleep, submits_and_waits, submits_prepaid);
  step_through_pairs(fire, loop_is::asleep, submits_and_waits, submits_and_waits);
  step_through_pairs(fire, loop_is::held, submits_and_waits, submits_and_waits);
}
