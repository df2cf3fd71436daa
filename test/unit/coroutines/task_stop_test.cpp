// What becomes of tasks when their bridge stops.
#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("task_stop");

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::delay;
using loopbridge::task;
using support::generous;

TEST_CASE("stop() ends tasks wherever they wait, and nothing of them is left") {
  support::counts counts;
  const support::error_log log;
  bridge other;
  const support::gate gate;
  auto held = other.submit([&] { return gate.wait(); });
  completer<int> done;
  std::vector<loopbridge::eventual<void>> answers;
  {
    bridge b(support::reporting_to(log));
    answers.push_back(b.submit(
        [t = support::token(counts)]() -> task<> { co_await delay(std::chrono::hours(1)); }));
    answers.push_back(b.submit([&, t = support::token(counts)]() -> task<> { co_await held; }));
    answers.push_back(
        b.submit([&, t = support::token(counts)]() -> task<> { co_await done.get_deferred(); }));
    answers.push_back(b.submit([&, t = support::token(counts)]() -> task<> {
      co_await [](support::token) -> task<> {
        co_await delay(std::chrono::hours(1));
      }(support::token(counts));
    }));
    b.call([] {});
    CHECK(counts.alive() == 5);
  }
  CHECK(counts.alive() == 0);
  for (auto& a : answers) CHECK_THROWS_AS(a.get_for(generous), loopbridge::bridge_stopped);
  CHECK(log.size() == 0);
  gate.open();
  CHECK(held.get_for(generous));
  other.call([] {});  // told the watcher, which found nobody
}

TEST_CASE("what a task submits while its bridge stops is refused, and it ends all the same") {
  bool refused = false;
  {
    bridge b;
    auto answer = b.submit([&]() -> task<> {
      try {
        co_await delay(std::chrono::hours(1));
      } catch (const loopbridge::cancelled&) {
      }
      try {
        co_await b.submit([] {});
      } catch (const loopbridge::bridge_stopped&) {
        refused = true;
      }
    });
    b.call([] {});
    b.stop();
    CHECK_THROWS_AS(answer.get(), loopbridge::bridge_stopped);
  }
  CHECK(refused);
}

TEST_CASE("an adopted loop's tasks end at a stop on its thread, and at its next turn elsewhere") {
  for (const bool elsewhere : {false, true}) {
    support::counts counts;
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    {
      bridge b = bridge::adopt(&loop);
      auto answer = b.submit(
          [t = support::token(counts)]() -> task<> { co_await delay(std::chrono::hours(1)); });
      uv_run(&loop, UV_RUN_NOWAIT);
      CHECK(counts.alive() == 1);
      if (elsewhere) {
        std::thread([&]() noexcept { b.stop(); }).join();
      } else {
        b.stop();
      }
      CHECK_THROWS_AS(answer.get_for(generous), loopbridge::bridge_stopped);
      uv_run(&loop, UV_RUN_NOWAIT);
      CHECK(counts.alive() == 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }
}
