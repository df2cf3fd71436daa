#include <chrono>
#include <thread>

#include "step_matrix.hpp"

// What handlers do. Whatever waits lets the loop go first, for a test that holds it would do so
// only when the handler has returned.
namespace stepping {

using loopbridge::status;

namespace {

status expected_of(stepped_bridge& s, status got) {
  if (got == status::accepted || got == status::answered || got == status::timed_out) {
    s.nested.expect(1);
  }
  return got;
}

}  // namespace

const handler submits{
    .name = "submits",
    .run =
        [](stepped_bridge& s) {
          return expected_of(
              s, s.bridge->post_reentrant([](stepped_bridge* t) { ++t->nested.ran; }, &s));
        },
    .uses_bridge = true};
const handler submits_prepaid{.name = "submits, prepaid", .run = [](stepped_bridge& s) {
                                return expected_of(s, s.fired->post());
                              }};
const handler submits_and_waits{.name = "submits and waits",
                                .run =
                                    [](stepped_bridge& s) {
                                      s.let_go = true;
                                      return expected_of(s, s.fired->call_for(patience));
                                    },
                                .waits = true};
const handler submits_waits_and_stops{.name = "submits, waits, stops",
                                      .run =
                                          [](stepped_bridge& s) {
                                            const status got = submits_and_waits.run(s);
                                            s.bridge->stop_reentrant();
                                            return got;
                                          },
                                      .waits = true,
                                      .stops = true,
                                      .uses_bridge = true};
const handler stops{.name = "stops",
                    .run =
                        [](stepped_bridge& s) {
                          s.bridge->stop_reentrant();
                          return s.bridge->stop_requested() ? status::accepted : status::timed_out;
                        },
                    .stops = true,
                    .uses_bridge = true};
const handler stops_and_sees_the_end{
    .name = "stops, sees it end",
    .run =
        [](stepped_bridge& s) {
          s.let_go = true;
          s.bridge->stop_reentrant();
          const auto until = std::chrono::steady_clock::now() + patience;
          while (!s.loop_has_ended) {
            if (std::chrono::steady_clock::now() > until) return status::timed_out;
            std::this_thread::yield();
          }
          return s.fired->post() == status::bridge_stopped ? status::accepted : status::timed_out;
        },
    .waits = true,
    .stops = true,
    .uses_bridge = true};

}  // namespace stepping
