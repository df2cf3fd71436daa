// Law 3: at each instruction boundary of every submit-path function a handler on the same thread
// may submit, and may await the answer.
//
// Each case steps through one function, interrupting it at every boundary with each kind of
// handler. What is not a submission is stepped in stepping/*_test.cpp. The last case is the
// negative control: the same harness on uv_async_send, where waiting handlers must be seen to hang.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("law 3: reentrant at every instruction");

using loopbridge::bridge_stopped;
using loopbridge::status;
using namespace stepping;

namespace {

/// Enters in the ledger what `submit` was told: an exception, or nothing.
template <class F>
void expect_unless_refused(stepped_bridge& s, F&& submit, int runs = 1) {
  try {
    submit();
    s.outer.expect(runs);
  } catch (const bridge_stopped&) {
  }
}

void expect_if_accepted(stepped_bridge& s, status got) {
  if (got == status::accepted || got == status::answered) s.outer.expect(1);
}

}  // namespace

TEST_CASE("post() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "post", .run = [](stepped_bridge& s) {
                  expect_unless_refused(s, [&] { s.bridge->post([&s] { ++s.outer.ran; }); });
                }});
}

TEST_CASE("try_post() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "try_post", .run = [](stepped_bridge& s) {
                  expect_if_accepted(s, s.bridge->try_post([&s] { ++s.outer.ran; }));
                }});
}

TEST_CASE("submit() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "submit", .run = [](stepped_bridge& s) {
                  expect_unless_refused(
                      s, [&] { s.answer = s.bridge->submit([&s] { return ++s.outer.ran; }); });
                }});
}

TEST_CASE("call() may be interrupted anywhere, also while it waits" * doctest::skip(!available)) {
  step_through({.name = "call",
                .run =
                    [](stepped_bridge& s) {
                      expect_unless_refused(s, [&] { s.bridge->call([&s] { ++s.outer.ran; }); });
                    },
                .waits = true});
}

TEST_CASE("call_for() may be interrupted anywhere, also while it waits" *
          doctest::skip(!available)) {
  step_through({.name = "call_for",
                .run =
                    [](stepped_bridge& s) {
                      expect_unless_refused(
                          s, [&] { s.bridge->call_for(patience, [&s] { ++s.outer.ran; }); });
                    },
                .waits = true});
}

TEST_CASE("post_reentrant() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through(post_reentrant);
}

TEST_CASE("reentrant_call::post() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "reentrant_call::post",
                .run = [](stepped_bridge& s) { expect_if_accepted(s, s.own_call->post()); }});
}

TEST_CASE(
    "reentrant_call::post() that is added to a firing already queued may be interrupted anywhere" *
    doctest::skip(!available)) {
  static constexpr auto fire = [](stepped_bridge& s) { expect_if_accepted(s, s.own_call->post()); };
  step_through({.name = "reentrant_call::post, coalesced",
                .run = fire,
                .enqueue = fire,
                .states = {loop_is::held, loop_is::stopping}});
}

TEST_CASE("reentrant_call::call_for() may be interrupted anywhere, also while it waits" *
          doctest::skip(!available)) {
  step_through(
      {.name = "reentrant_call::call_for",
       .run = [](stepped_bridge& s) { expect_if_accepted(s, s.own_call->call_for(patience)); },
       .waits = true,
       .needs_waiting_handlers = true});
}

TEST_CASE("the same reentrant_call may be fired from inside itself" * doctest::skip(!available)) {
  for (const operation* const o : {&fire, &fire_and_wait}) {
    step_through(*o, {&submits_prepaid, &submits_and_waits, &submits_waits_and_stops, &stops});
  }
}

TEST_CASE("a handler that interrupts malloc may wait: the loop's own work does not need it" *
          doctest::skip(!available)) {
  struct too_large_to_recycle {
    explicit too_large_to_recycle(stepped_bridge& t) : s(&t) {}
    too_large_to_recycle(const too_large_to_recycle& other) : s(other.s) {}  // the pointer only
    void operator()() const { ++s->outer.ran; }
    stepped_bridge* s;
    char ballast[20000];
  };
  // The handler lets the loop go: it runs and releases the first while the thread is interrupted
  // in malloc for the second.
  step_through({.name = "post twice through malloc and free",
                .run =
                    [](stepped_bridge& s) {
                      s.bridge->post(too_large_to_recycle(s));
                      s.bridge->post(too_large_to_recycle(s));
                      s.outer.expect(2);
                    },
                .states = {loop_is::held}},
               {&submits_and_waits});
}

TEST_CASE("negative control: on uv_async_send this harness sees waiting handlers hang" *
          doctest::skip(!available)) {
  stepped_bridge s(loopbridge::doorbell::uv_async);
  CHECK(s.fired->call_for(patience) == status::unsupported);  // which is why it is refused
  constexpr unsigned hangs_to_see = 5;
  report r;
  const auto post = [&] { s.bridge->post([&s] { ++s.outer.ran; }); };
  const auto submit_and_wait_anyway = [&] {
    if (s.bridge->post_reentrant([](stepped_bridge* t) { ++t->nested.ran; }, &s) !=
        status::accepted) {
      ++r.refused;
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
    while (s.nested.ran == 0) {
      if (std::chrono::steady_clock::now() < until) continue;
      ++r.hung;
      break;
    }
  };
  const path way = path_of(post);
  for_each_boundary(
      r, way, {},
      [&](const boundary& at) {
        s.settle(false);
        s.reset_ledgers();
        s.wait_until_asleep();
        const bool visited = interrupt_at(at, post, submit_and_wait_anyway);
        s.settle(false);
        if (s.outer.ran != 1 || s.nested.ran != (visited ? 1 : 0)) ++r.lost;
        if (visited) ++r.points;
        return visited;
      },
      [&] { return r.hung == hangs_to_see; });
  print("control: post, uv_async, handler waits anyway", r);
  CHECK(r.hung == hangs_to_see);
  CHECK(r.lost == 0);  // without waiting, uv_async_send loses nothing
  CHECK(r.refused == 0);
}
