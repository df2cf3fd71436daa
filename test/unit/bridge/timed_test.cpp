#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/timers.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("timed");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::manual_bridge;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("a call that is submitted for later runs when the time has passed, and no earlier") {
  manual_bridge manual;
  bridge& b = manual.bridge();
  auto answer = submit_after(b, 1h, [] { return 7; });
  manual.run_until_idle();
  manual.advance(59min);
  CHECK_FALSE(answer.ready());
  manual.advance(1min);
  REQUIRE(answer.ready());
  CHECK(answer.get() == 7);
}

TEST_CASE("it may take the loop, fail, and return what comes later") {
  bridge b;
  CHECK(submit_after(b, 1ms, [](loopbridge::loop_ref loop) {
          return loop.get() ? 3 : 0;
        }).get_for(generous) == 3);
  CHECK(*submit_after(b, 0ms, [p = std::make_unique<int>(4)]() mutable {
           return std::move(p);
         }).get_for(generous) == 4);
  CHECK(submit_after(b, -1h, []() -> task<int> { co_return 5; }).get_for(generous) == 5);
  CHECK(submit_after(b, 1us, [] {
          completer<int> c;
          auto d = c.get_deferred();
          c.resolve(6);
          return d;
        }).get_for(generous) == 6);
  CHECK_THROWS_WITH_AS(submit_after(b, 1ms, [] { throw std::runtime_error("late"); }).get(), "late",
                       std::runtime_error);
}

TEST_CASE("calls for later run in the order of their times") {
  manual_bridge manual;
  std::string order;
  auto b3 = submit_after(manual.bridge(), 3s, [&] { order += "3"; });
  auto b1 = submit_after(manual.bridge(), 1s, [&] { order += "1"; });
  auto b2 = submit_after(manual.bridge(), 2s, [&] { order += "2"; });
  manual.advance(10s);
  CHECK(order == "123");
}

TEST_CASE("one that is cancelled never runs, and its callable is destroyed on the loop") {
  bridge b;
  const auto loop_thread = b.call([] { return std::this_thread::get_id(); });
  support::counts counts;
  auto answer = submit_after(b, 1h, [t = support::token(counts)] {});
  b.call([] {});
  CHECK(answer.cancel());
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::cancelled);
  b.call([] {});
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop_thread);
}

TEST_CASE(
    "if it is cancelled before the loop takes it, the cancelling thread destroys its callable") {
  bridge b;
  const support::held_loop held(b);
  support::counts once;
  auto answer = submit_after(b, 1h, [t = support::token(once)] {});
  CHECK(once.alive() == 1);
  CHECK(answer.cancel());
  CHECK(once.alive() == 0);
  CHECK(once.destroyed_on.load() == std::this_thread::get_id());
  CHECK_THROWS_AS(answer.get(), loopbridge::cancelled);

  support::counts again;
  auto repeated = submit_every(b, 1h, [t = support::token(again)] {});
  CHECK(again.alive() == 1);
  repeated.stop();
  CHECK(again.alive() == 0);
  CHECK(again.destroyed_on.load() == std::this_thread::get_id());
}

TEST_CASE("a stop ends it at once, and times beyond the clock are no trouble") {
  support::counts counts;
  loopbridge::eventual<void> answer;
  {
    bridge b;
    answer = submit_after(b, std::chrono::hours::max(), [t = support::token(counts)] {});
    b.call([] {});
  }
  CHECK_THROWS_AS(answer.get(), loopbridge::bridge_stopped);
  CHECK(counts.alive() == 0);
}

TEST_CASE("a repeated call runs once a period, until it is stopped") {
  manual_bridge manual;
  int runs = 0;
  support::counts counts;
  auto every = submit_every(manual.bridge(), 10min, [&, t = support::token(counts)] { ++runs; });
  manual.run_until_idle();
  CHECK(runs == 0);
  manual.advance(1h);
  CHECK(runs == 6);
  CHECK(every.runs() == 6);
  every.stop();
  manual.run_until_idle();
  CHECK(counts.alive() == 0);
  manual.advance(1h);
  CHECK(runs == 6);
  every.stop();
}

TEST_CASE("it stops with its handle, goes on without one that is detached, moves with it") {
  manual_bridge manual;
  int runs = 0;
  {
    auto first = submit_every(manual.bridge(), 1s, [&] { ++runs; });
    auto moved = std::move(first);
    manual.advance(2s);
    CHECK(runs == 2);
  }
  manual.advance(2s);
  CHECK(runs == 2);
  submit_every(manual.bridge(), 1s, [&] { ++runs; }).detach();
  manual.advance(2s);
  CHECK(runs == 4);
  loopbridge::repeated_call empty;
  empty.stop();
  CHECK(empty.runs() == 0);
}

TEST_CASE("while one run waits no other begins, and stopping cancels what it waits for") {
  manual_bridge manual;
  int begun = 0;
  bool hook_ran = false;
  completer<void> done;
  auto every = submit_every(manual.bridge(), 1s, [&] {
    ++begun;
    done = completer<void>();
    done.on_cancel([&] { hook_ran = true; });
    return done.get_deferred();
  });
  manual.advance(5s);
  CHECK(begun == 1);
  done.resolve();
  manual.run_until_idle();
  manual.advance(1s);
  CHECK(begun == 2);
  every.stop();
  manual.run_until_idle();
  CHECK(hook_ran);
}

TEST_CASE("what it throws is reported, with the place of submission, and it goes on") {
  const support::error_log log;
  manual_bridge manual(support::reporting_to(log));
  int runs = 0;
  auto every = submit_every(manual.bridge(), 1s, [&](loopbridge::loop_ref) {
    if (++runs == 1) throw std::runtime_error("the first");
  });
  manual.advance(3s);
  CHECK(runs == 3);
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "the first");
  CHECK(log.entries()[0].file.find("timed_test.cpp") != std::string::npos);
}

TEST_CASE("a run that fails after it was stopped is reported all the same") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const support::gate begun;
  const support::gate go_on;
  auto beat = submit_every(b, 1ms, [=] {
    begun.open();
    (void)go_on.wait();
    throw std::runtime_error("at the last");
  });
  CHECK(begun.wait());
  beat.stop();
  go_on.open();
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].what == "at the last");
}

TEST_CASE("when the bridge stops it ends without a word, and its handle outlives it") {
  const support::error_log log;
  support::counts counts;
  loopbridge::repeated_call every;
  {
    bridge b(support::reporting_to(log));
    every = submit_every(b, 1ms, [t = support::token(counts)] {});
    REQUIRE(support::comes_true([&] { return every.runs() > 2; }));
  }
  CHECK(counts.alive() == 0);
  every.stop();
  CHECK(log.size() == 0);
}

TEST_CASE("a period of nothing is an error that says what to do, and a stopped bridge refuses") {
  bridge b;
  CHECK_THROWS_AS((void)submit_every(b, 0ms, [] {}), std::invalid_argument);
  CHECK_THROWS_AS((void)submit_every(b, -1s, [] {}), std::invalid_argument);
  (void)submit_every(b, std::chrono::hours::max(), [] {});
  b.stop();
  CHECK_THROWS_AS((void)submit_every(b, 1s, [] {}), loopbridge::bridge_stopped);
  CHECK_THROWS_AS((void)submit_after(b, 1s, [] {}), loopbridge::bridge_stopped);
}

TEST_CASE("threads start and stop repetitions at once") {
  const support::error_log log;
  {
    bridge b(support::reporting_to(log));
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&]() noexcept {
        for (int i = 0; i < 50; ++i) {
          auto every = submit_every(b, 1ms, [] {});
          auto later = submit_after(b, 1ms, [i] { return i; });
          if (i % 2 == 0) CHECK(later.get_for(generous) == i);
          every.stop();
          later = {};
        }
      });
    }
    for (auto& t : threads) t.join();
  }
  // Calls that are given up run all the same; the last of them may be pending when the bridge ends.
  for (const auto& entry : log.entries()) {
    CHECK(support::holds<loopbridge::bridge_stopped>(entry.error));
  }
}
