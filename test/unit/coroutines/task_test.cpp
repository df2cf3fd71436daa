#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("task");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::loop_ref;
using loopbridge::task;
using support::generous;

task<int> plus_one(int n) {
  co_return n + 1;
}
task<> nothing() {
  co_return;
}
task<int> failing() {
  throw std::runtime_error("the task failed");
  co_return 0;
}

}  // namespace

TEST_CASE("a task is called, submitted and waited for like every function, and gets the loop") {
  bridge b(support::with_each_doorbell());
  const auto on_loop = [&](loop_ref loop, int n) -> task<int> {
    CHECK(loop.get() != nullptr);
    CHECK(b.on_loop_thread());
    const int m = co_await plus_one(n);
    CHECK(b.on_loop_thread());
    co_return m;
  };
  CHECK(b.call([&](loop_ref l) { return on_loop(l, 1); }) == 2);
  CHECK(b.submit([&](loop_ref l) { return on_loop(l, 2); }).get_for(generous) == 3);
  CHECK(b.call_for(generous, [&](loop_ref l) { return on_loop(l, 3); }) == 4);
  CHECK(loopbridge::wrap(b, on_loop)(4).get_for(generous) == 5);
  CHECK(loopbridge::wrap_blocking(b, generous, plus_one)(5) == 6);
}

TEST_CASE("what a task throws arrives as it was thrown, through every task that awaits it") {
  bridge b;
  CHECK_THROWS_WITH_AS(b.call([] { return failing(); }), "the task failed", std::runtime_error);
  const auto outer = []() -> task<int> { co_return 1 + co_await failing(); };
  CHECK_THROWS_WITH_AS(b.call(outer), "the task failed", std::runtime_error);
  const auto catching = []() -> task<std::string> {
    try {
      co_await failing();
    } catch (const std::runtime_error& e) {
      co_return e.what();
    }
    co_return "";
  };
  CHECK(b.call(catching) == "the task failed");
}

TEST_CASE("a callable that throws before it is a task fails like others") {
  bridge b;
  const auto f = [](bool really) -> task<> {
    if (really) throw std::logic_error("no task");
    return nothing();
  };
  CHECK_THROWS_WITH_AS(b.call([&] { return f(true); }), "no task", std::logic_error);
  CHECK_NOTHROW(b.call([&] { return f(false); }));
}

TEST_CASE("tasks give references, void and what only moves") {
  bridge b;
  int variable = 7;
  const auto reference = [&]() -> task<int&> { co_return variable; };
  CHECK(&b.call(reference) == &variable);
  const auto through = [&]() -> task<int&> { co_return co_await reference(); };
  CHECK(&b.submit(through).get() == &variable);
  b.call(nothing);
  const auto moved = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  CHECK(*b.call(moved) == 3);
  const auto twice = [&]() -> task<std::unique_ptr<int>> { co_return co_await moved(); };
  CHECK(*b.call(twice) == 3);
}

TEST_CASE("a task that awaits what is ready, a million times, takes no more stack") {
  bridge b;
  const auto loop = []() -> task<int> {
    int n = 0;
    for (int i = 0; i < 1'000'000; ++i) n = co_await plus_one(n);
    co_return n;
  };
  CHECK(b.call(loop) == 1'000'000);
}

TEST_CASE("other calls run while a task is suspended") {
  bridge b;
  completer<int> done;
  const auto waiting = [&]() -> task<int> { co_return co_await done.get_deferred(); };
  auto answer = b.submit(waiting);
  CHECK(b.call([] { return 5; }) == 5);
  CHECK_FALSE(answer.ready());
  done.resolve(4);
  CHECK(answer.get_for(generous) == 4);
}

TEST_CASE("a task awaits a deferred that is resolved on another thread, and its failure") {
  bridge b;
  for (const bool fail : {false, true}) {
    completer<int> done;
    auto answer = b.submit([&]() -> task<int> {
      const int n = co_await done.get_deferred();
      CHECK(b.on_loop_thread());
      co_return n;
    });
    b.call([] {});
    std::thread other([&]() noexcept {
      if (fail) {
        done.reject(std::runtime_error("rejected"));
      } else {
        done.resolve(3);
      }
    });
    if (fail) {
      CHECK_THROWS_WITH_AS(answer.get_for(generous), "rejected", std::runtime_error);
    } else {
      CHECK(answer.get_for(generous) == 3);
    }
    other.join();
  }
  const auto drops_it = [] {
    completer<void> c;
    return c.get_deferred();
  };
  CHECK_THROWS_AS(b.call([&]() -> task<> { co_await drops_it(); }), loopbridge::broken);
  CHECK_THROWS_AS(b.call([]() -> task<> {
    loopbridge::completer<void> c;
    auto d = c.get_deferred();
    auto other = std::move(d);
    co_await std::move(d);
  }),
                  loopbridge::no_state);
}

TEST_CASE("a task awaits calls of other bridges and of its own, and comes back to its loop") {
  bridge b;
  bridge other;
  const auto f = [&]() -> task<int> {
    const int n = co_await other.submit([&] { return other.on_loop_thread() ? 20 : 0; });
    CHECK(b.on_loop_thread());
    const auto kept = b.submit([] { return std::string("own"); });
    CHECK((co_await kept) == "own");
    CHECK((co_await kept) == "own");  // which is there already
    CHECK(b.on_loop_thread());
    co_await other.submit([] {});
    co_return n + 1;
  };
  CHECK(b.call_for(generous, f) == 21);
  CHECK_THROWS_WITH_AS(
      b.call_for(
          generous,
          [&]() -> task<> { co_await other.submit([] { throw std::runtime_error("there"); }); }),
      "there", std::runtime_error);
}

TEST_CASE("several tasks await one eventual, and all go on") {
  bridge b;
  bridge other;
  const support::gate gate;
  const auto shared = other.submit([&] { return gate.wait() ? 9 : 0; });
  std::vector<loopbridge::eventual<int>> answers;
  for (int i = 0; i < 3; ++i) {
    answers.push_back(
        (i == 2 ? other : b).submit([&]() -> task<int> { co_return co_await shared; }));
  }
  b.call([] {});
  gate.open();
  for (auto& a : answers) CHECK(a.get_for(generous) == 9);
}

TEST_CASE("the callable and its captures last until the task has ended, and no longer") {
  bridge b;
  support::counts captured;
  completer<void> go_on;
  auto answer = b.submit([&go_on, t = support::token(captured),
                          text = std::string("captured")]() -> task<std::string> {
    co_await go_on.get_deferred();
    co_return text;
  });
  b.call([] {});
  CHECK(captured.alive() == 1);
  go_on.resolve();
  CHECK(answer.get_for(generous) == "captured");
  // Before the answer was announced, on the loop's thread, like those of every call.
  CHECK(captured.alive() == 0);
  CHECK(captured.destroyed_on.load() == b.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("a task that is never awaited runs nothing, and frees what it was given") {
  support::counts counts;
  {
    auto t = [](support::token) -> task<> { co_return; }(support::token(counts));
    CHECK(counts.alive() == 1);
    auto moved = std::move(t);
    t = std::move(moved);
  }
  CHECK(counts.alive() == 0);
}

TEST_CASE("a failed task whose handle was dropped is reported, with the place of submission") {
  const support::error_log log;
  {
    bridge b(support::reporting_to(log));
    (void)b.submit([]() -> task<int> { co_return co_await failing(); });
    b.call([] {});
  }
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "the task failed");
  CHECK(log.entries()[0].file.find("task_test.cpp") != std::string::npos);
}

TEST_CASE("threads start a thousand tasks each, which await one another's loops") {
  bridge a;
  bridge b;
  std::vector<std::thread> threads;
  std::atomic<int> sum{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t]() noexcept {
      bridge& own = t % 2 == 0 ? a : b;
      bridge& other = t % 2 == 0 ? b : a;
      for (int i = 0; i < 1000; ++i) {
        sum += own.submit([&]() -> task<int> {
                    co_return co_await other.submit([] { return plus_one(1); }) - 1;
                  })
                   .get_for(generous);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(sum == 4000);
}
