// Ending a bridge, and making and ending what belongs to it, interrupted at every instruction: what
// was accepted before, or by a handler in the middle, still runs, and the end comes.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("stepping: stop");

using loopbridge::status;
using namespace stepping;

namespace {

void post_three(stepped_bridge& s) {
  for (int i = 0; i < 3; ++i) s.bridge->post([&s] { ++s.outer.ran; });
  s.outer.expect(3);
}

}  // namespace

TEST_CASE("stop() may be interrupted anywhere, also while it waits for the loop's end" *
          doctest::skip(!available)) {
  step_through({.name = "stop",
                .run = [](stepped_bridge& s) { s.bridge->stop(); },
                .enqueue = post_three,
                .waits = true,
                .stops = true});
}

TEST_CASE("stop_reentrant() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "stop_reentrant",
                .run = [](stepped_bridge& s) { s.bridge->stop_reentrant(); },
                .enqueue = post_three,
                .stops = true});
}

TEST_CASE("a bridge may be interrupted anywhere while it is destroyed" *
          doctest::skip(!available)) {
  // Its prepaid calls may be fired meanwhile, for they outlive it.
  step_through({.name = "~bridge",
                .run = [](stepped_bridge& s) { s.bridge.reset(); },
                .enqueue = post_three,
                .states = {loop_is::asleep, loop_is::held},
                .waits = true,
                .stops = true,
                .bridge_may_go = true});
}

TEST_CASE("looking at a bridge may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "stopped, on_loop_thread, coalesced", .run = [](stepped_bridge& s) {
                  (void)s.bridge->stop_requested();
                  (void)s.bridge->on_loop_thread();
                  (void)s.own_call->coalesced();
                }});
}

TEST_CASE("a reentrant_call may be interrupted anywhere while it is made, fired and destroyed" *
          doctest::skip(!available)) {
  step_through({.name = "reentrant_call, made and destroyed",
                .run =
                    [](stepped_bridge& s) {
                      loopbridge::reentrant_call made(*s.bridge, [&s] { ++s.outer.ran; });
                      if (made.post() == status::accepted) s.outer.expect(1);
                    },
                .blocks_signals = true});
}
