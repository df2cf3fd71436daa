// How a bridge to an adopted loop ends, on whatever thread and whether the loop runs or not.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("adopt_stop");

namespace {

using loopbridge::bridge;
using loopbridge::bridge_stopped;
using loopbridge::completer;
using support::app_loop;
using support::generous;

/// A call that waits for a deferred, and what its cancel hook did.
struct waiting_call {
  explicit waiting_call(bridge& b)
      : answer(b.submit([this] {
          done.on_cancel([this] {
            ++hook_runs;
            hook_ran_on = std::this_thread::get_id();
          });
          return done.get_deferred();
        })) {}

  completer<int> done;
  std::atomic<int> hook_runs{0};
  std::thread::id hook_ran_on{};
  loopbridge::eventual<int> answer;
};

}  // namespace

TEST_CASE("after uv_run has returned, a stop on its thread runs what is queued and ends all") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  waiting_call waiting(b);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  auto queued = b.submit([] { return 3; });
  b.stop();
  CHECK(queued.ready());
  CHECK(queued.get() == 3);
  CHECK(waiting.hook_runs == 1);
  CHECK_THROWS_AS(waiting.answer.get(), bridge_stopped);
  CHECK_THROWS_AS(b.post([] {}), bridge_stopped);
  b.stop();
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a loop that never runs can be let go") {
  const support::watchdog dog;
  app_loop app;
  bool ran = false;
  {
    bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
    b.post([&] { ran = true; });
  }
  CHECK(ran);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a stop inside a call follows that call") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  waiting_call waiting(b);
  bool behind_ran = false;
  bool too_early = false;
  b.post([&] {
    b.stop();
    too_early = behind_ran || waiting.answer.ready();
  });
  b.post([&] { behind_ran = true; });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK_FALSE(too_early);
  CHECK(behind_ran);
  CHECK(waiting.hook_runs == 1);
  CHECK_THROWS_AS(waiting.answer.get(), bridge_stopped);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a stop in a callback of libuv's ends everything before it returns") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  waiting_call waiting(b);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  bool ended = false;
  auto stop_it = [&] {
    auto queued = b.submit([] { return 1; });
    b.stop();
    ended = waiting.answer.ready() && waiting.hook_runs == 1 && queued.ready();
    CHECK(queued.get() == 1);
  };
  app.in_a_callback(stop_it);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(ended);
  CHECK_THROWS_AS(waiting.answer.get(), bridge_stopped);
}

TEST_CASE("a stop in a uv_run that a call nested follows that call") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop);
  auto stop_it = [&] { b.stop(); };
  bool still_answers = false;
  b.post([&](loopbridge::loop_ref loop) {
    app.in_a_callback(stop_it);
    uv_run(loop, UV_RUN_DEFAULT);
    still_answers = b.stop_requested();
  });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(still_answers);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a stop on another thread releases all waiters while nobody runs the loop") {
  const support::watchdog dog;
  const support::error_log log;
  app_loop app;
  const auto opts = support::reporting_to(log, support::with_each_doorbell());
  bridge b = bridge::adopt(&app.loop, opts);
  waiting_call waiting(b);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  support::counts counts;
  bool ran = false;
  auto queued = b.submit([&, t = support::token(counts)] { ran = true; });
  b.post([&] { ran = true; });
  std::thread stopper([&]() noexcept { b.stop(); });
  stopper.join();
  CHECK_THROWS_AS(queued.get_for(generous), bridge_stopped);
  CHECK_THROWS_AS(waiting.answer.get_for(generous), bridge_stopped);
  CHECK(counts.alive() == 0);
  CHECK(waiting.hook_runs == 0);  // hooks are for the loop's thread
  REQUIRE(log.size() == 1);       // the posted one
  CHECK(support::holds<bridge_stopped>(log.entries()[0].error));
  auto nothing = [] {};
  app.in_a_callback(nothing);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(waiting.hook_runs == 1);
  CHECK(waiting.hook_ran_on == std::this_thread::get_id());
  CHECK(app.open_handles() == 0);
  CHECK_FALSE(ran);
  CHECK_FALSE(waiting.done.resolve(1));
}

TEST_CASE("a stop on another thread while the loop runs ends the bridge, not the loop") {
  const support::watchdog dog;
  const support::error_log log;
  const auto opts = support::reporting_to(log, support::with_each_doorbell());
  for (int round = 0; round < 50; ++round) {
    app_loop app;
    std::optional<bridge> b(bridge::adopt(&app.loop, opts));
    bridge other = bridge::adopt(&app.loop);  // to end the loop with
    app.keep_alive();
    waiting_call waiting(*b);
    support::gate running;
    b->post([=] { running.open(); });
    std::thread runner([&]() noexcept {
      uv_run(&app.loop, UV_RUN_DEFAULT);
      other.stop();  // on the loop's thread
    });
    REQUIRE(running.wait());
    auto racing = b->submit([] { return 1; });
    if (round % 2 == 0) {
      b->stop();
    } else {
      b.reset();
    }
    REQUIRE(racing.wait_for(generous));
    CHECK((racing.error() == nullptr || support::holds<bridge_stopped>(racing.error())));
    CHECK_THROWS_AS(waiting.answer.get_for(generous), bridge_stopped);
    b.reset();
    CHECK(other.call([] { return 7; }) == 7);  // the loop goes on
    other.post([&] { app.let_go(); });
    runner.join();
    CHECK(waiting.hook_runs == 1);
    CHECK(waiting.hook_ran_on != std::this_thread::get_id());
  }
}

TEST_CASE("a stop on another thread while a call runs leaves that call alone") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  support::gate running, go_on;
  auto answer = b.submit([=] {
    running.open();
    return go_on.wait();
  });
  std::thread stopper([&]() noexcept {
    if (!running.wait()) return;
    b.stop();
    go_on.open();
  });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  stopper.join();
  CHECK(answer.get_for(generous) == true);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a stop by a handler ends the bridge at the loop's next turn") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  waiting_call waiting(b);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  b.stop_reentrant();
  CHECK_FALSE(waiting.answer.ready());
  auto nothing = [] {};
  app.in_a_callback(nothing);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK_THROWS_AS(waiting.answer.get(), bridge_stopped);
  CHECK(waiting.hook_runs == 1);
  CHECK(app.open_handles() == 0);
}

TEST_CASE("a bridge may be destroyed inside its own call") {
  const support::watchdog dog;
  app_loop app;
  auto b = std::make_unique<bridge>(bridge::adopt(&app.loop, support::with_each_doorbell()));
  bool behind_ran = false;
  b->post([&] { b.reset(); });
  b->post([&] { behind_ran = true; });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(behind_ran);
  CHECK(app.open_handles() == 0);
}
