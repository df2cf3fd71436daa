// The usual end of a libuv program: uv_walk() and uv_close() of all handles, ours too, with a
// callback of its own or none. It amounts to a stop, wherever it is done.
#include <doctest/doctest.h>
#include <uv.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/gate.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("closed by the program");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::bridge_stopped;
using loopbridge::loop_ref;

namespace {

/// How many of the handles that a program closed it has heard of.
struct closings {
  int begun = 0;
  int ended = 0;
};
closings* counted = nullptr;

/// `c`: counts in the close callbacks; null: there are none.
void close_all(uv_loop_t* loop, closings* c = nullptr) {
  counted = c;
  uv_walk(
      loop,
      [](uv_handle_t* h, void*) {
        if (uv_is_closing(h) != 0) return;
        if (counted == nullptr) return uv_close(h, nullptr);
        ++counted->begun;
        uv_close(h, [](uv_handle_t*) { ++counted->ended; });
      },
      nullptr);
}

/// A bridge, in all states of waiting, and a trace of whether its core is let go.
struct scene {
  explicit scene(loopbridge::options opts, uv_loop_t* adopted = nullptr) {
    opts.on_unhandled_error = [t = trace](const loopbridge::unhandled_error&) {};
    if (adopted == nullptr) {
      b.emplace(opts);
    } else {
      b.emplace(bridge::adopt(adopted, opts));
    }
    never = b->submit([d = unresolved->get_deferred()]() mutable { return std::move(d); });
    later = submit_after(*b, 1h, [] { return 1; });
    suspended = b->submit([]() -> loopbridge::task<> { co_await loopbridge::delay(1h); });
  }
  /// All waiters are told, what comes then is refused, and nothing is left.
  void check_end() {
    CHECK_THROWS_AS((void)never->get_for(support::generous), bridge_stopped);
    CHECK_THROWS_AS((void)later->get_for(support::generous), bridge_stopped);
    CHECK_THROWS_AS(suspended->get_for(support::generous), bridge_stopped);
    CHECK_THROWS_AS(b->post([] {}), bridge_stopped);
    b->stop();
    unresolved.reset();
    never.reset();
    later.reset();
    suspended.reset();
    b.reset();
  }
  bool is_let_go() const { return trace.use_count() == 1; }

  const support::watchdog no_hang;
  std::shared_ptr<int> trace = std::make_shared<int>();
  std::optional<bridge> b;
  std::optional<loopbridge::completer<int>> unresolved{std::in_place};
  std::optional<loopbridge::eventual<int>> never;
  std::optional<loopbridge::eventual<int>> later;
  std::optional<loopbridge::eventual<void>> suspended;
};

}  // namespace

TEST_CASE("in a callable: the waiter is released, and the bridge has stopped") {
  const loopbridge::options opts = support::with_each_doorbell();
  closings c;
  for (closings* const how : {static_cast<closings*>(nullptr), &c}) {
    scene s(opts);
    s.b->post([how](loop_ref l) { close_all(l, how); });
    s.check_end();
    CHECK(s.is_let_go());
  }
  CHECK(c.begun >= 6);  // four of the bridge's, two timers
  CHECK(c.ended == c.begun);
}

TEST_CASE("in a callable that then runs the loop until nothing is left of it") {
  closings c;
  scene s(support::with_each_doorbell());
  s.b->post([&c](loop_ref l) {
    close_all(l, &c);
    uv_run(l, UV_RUN_DEFAULT);
  });
  s.check_end();
  CHECK(s.is_let_go());
  CHECK(c.ended == c.begun);
}

TEST_CASE("in a callback of libuv's") {
  scene s(support::with_each_doorbell());
  uv_timer_t timer;
  s.b->call([&](loop_ref l) {
    uv_timer_init(l, &timer);
    uv_timer_start(&timer, [](uv_timer_t* t) { close_all(t->loop); }, 0, 0);
  });
  s.check_end();
  CHECK(s.is_let_go());
}

TEST_CASE("in a function given to at_stop") {
  closings c;
  scene s(support::with_each_doorbell());
  s.b->at_stop([&c](loop_ref l) { close_all(l, &c); });
  s.b->stop();
  s.check_end();
  CHECK(s.is_let_go());
  CHECK(c.begun == 4);
  CHECK(c.ended == 4);
}

TEST_CASE("in a call that a group's loop runs: the others go on") {
  const support::watchdog no_hang;
  loopbridge::bridge_group group(2, support::with_each_doorbell());
  group[0].post([](loop_ref l) { close_all(l); });
  try {
    while (true) group[0].call([] {});
  } catch (const bridge_stopped&) {
  }
  CHECK(group[1].call([] { return 7; }) == 7);
  group.stop();
}

TEST_CASE("on an adopted loop, in a callable or a callback of the program's") {
  const loopbridge::options opts = support::with_each_doorbell();
  for (const bool in_a_callable : {true, false}) {
    CAPTURE(in_a_callable);
    closings c;
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    scene s(opts, &loop);
    for (int turn = 0; turn < 20; ++turn) uv_run(&loop, UV_RUN_NOWAIT);
    struct {
      uv_timer_t timer;
      closings* c;
    } program{{}, &c};
    if (in_a_callable) {
      s.b->post([&c](loop_ref l) { close_all(l, &c); });
    } else {
      uv_timer_init(&loop, &program.timer);
      program.timer.data = &program;
      uv_timer_start(
          &program.timer,
          [](uv_timer_t* t) { close_all(t->loop, static_cast<decltype(program)*>(t->data)->c); }, 0,
          0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(c.ended == c.begun);
    CHECK(c.begun >= 6);
    CHECK(uv_loop_close(&loop) == 0);  // nothing of ours keeps it
    s.b->stop();                       // or else the bridge does not know, where it was no callable
    s.check_end();
    CHECK(s.is_let_go());
  }
}

TEST_CASE("on an adopted loop, and the bridge is destroyed before libuv is done with the handles") {
  closings c;
  support::app_loop app;
  {
    scene s(support::with_each_doorbell(), &app.loop);
    uv_run(&app.loop, UV_RUN_NOWAIT);
    close_all(&app.loop, &c);
    s.b->stop();
    s.check_end();
    CHECK_FALSE(s.is_let_go());
    uv_run(&app.loop, UV_RUN_NOWAIT);
    CHECK(s.is_let_go());
  }
  CHECK(c.ended == c.begun);
}

TEST_CASE("on a manual_bridge's loop") {
  const support::watchdog no_hang;
  loopbridge::manual_bridge m;
  auto later = submit_after(m.bridge(), 1h, [] {});
  m.bridge().post([](loop_ref l) { close_all(l); });
  m.run_until_idle();
  CHECK(m.bridge().stop_requested());
  CHECK_THROWS_AS(later.get(), bridge_stopped);
}
