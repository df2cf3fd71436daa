#include <doctest/doctest.h>

#include <functional>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("then");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using support::generous;

int throws() {
  throw std::runtime_error("first");
}

/// Runs on the thread that calls run(), what it has copied: as most executors do.
class executor {
 public:
  void post(std::function<void()> f) {
    work_ = std::move(f);
    posted_.open();
  }
  void run() {
    REQUIRE(posted_.wait());
    std::exchange(work_, nullptr)();
  }
  void lose() {
    REQUIRE(posted_.wait());
    work_ = nullptr;
  }

 private:
  std::function<void()> work_;
  support::gate posted_;
};

}  // namespace

TEST_CASE("then() calls the function with the value, on the call's own loop") {
  bridge b;
  CHECK(b.submit([] { return 5; })
            .then([&](int n) { return b.on_loop_thread() ? std::to_string(n) : ""; })
            .then([](std::string s) { return s + "!"; })
            .get_for(generous) == "5!");
  bool called = false;
  b.submit([] {}).then([&] { called = true; }).get_for(generous);
  CHECK(called);
}

TEST_CASE(
    "a failure passes by functions that take the value, and is seen by one that takes the rest") {
  bridge b;
  bool called = false;
  auto failed = b.submit(throws).then([&](int) { called = true; });
  CHECK_THROWS_WITH_AS(failed.get_for(generous), "first", std::runtime_error);
  CHECK_FALSE(called);
  CHECK(b.submit(throws)
            .then([](eventual<int> e) { return e.error() != nullptr && e.ready(); })
            .get_for(generous));
  CHECK(b.submit([] { return 3; }).then([](eventual<int> e) { return e.get(); }).get() == 3);
}

TEST_CASE("what the function throws is the result, and what it returns may come later still") {
  bridge b;
  bridge other;
  CHECK_THROWS_WITH_AS(b.submit([] { return 1; }).then([](int) { throws(); }).get(), "first",
                       std::runtime_error);
  CHECK(b.submit([] { return 1; })
            .then([&](int n) { return other.submit([n] { return n + 1; }); })
            .get_for(generous) == 2);
  CHECK(b.submit([] { return 1; })
            .then([](int n) { return [](int m) -> task<int> { co_return m + 2; }(n); })
            .get_for(generous) == 3);
  CHECK(b.submit([] {})
            .then([] {
              completer<int> c;
              auto d = c.get_deferred();
              c.resolve(4);
              return d;
            })
            .get_for(generous) == 4);
}

TEST_CASE("then() on another bridge, or any executor, runs the function there") {
  bridge b;
  bridge other;
  CHECK(b.submit([] { return std::make_unique<int>(7); })
            .then(other, [&](std::unique_ptr<int> n) { return other.on_loop_thread() ? *n : 0; })
            .get_for(generous) == 7);
  executor ex;
  std::thread::id ran_on;
  auto answer = b.submit([] { return 1; }).then(ex, [&](int n) {
    ran_on = std::this_thread::get_id();
    return n + 1;
  });
  ex.run();
  CHECK(ran_on == std::this_thread::get_id());
  CHECK(answer.get_for(generous) == 2);
  CHECK_THROWS_WITH_AS(b.submit(throws).then(ex, [](int) {}).get_for(generous), "first",
                       std::runtime_error);
  executor reads;
  auto seen = b.submit(throws).then(reads, [](eventual<int> e) { return e.error() != nullptr; });
  reads.run();
  CHECK(seen.get_for(generous));
}

TEST_CASE("an executor that refuses, or loses the function, leaves no waiter hanging") {
  bridge b;
  bridge stopped;
  stopped.stop();
  CHECK_THROWS_AS(b.submit([] {}).then(stopped, [] {}).get_for(generous),
                  loopbridge::bridge_stopped);
  executor ex;
  auto lost = b.submit([] {}).then(ex, [] {});
  ex.lose();
  CHECK_THROWS_AS(lost.get_for(generous), loopbridge::broken);
}

TEST_CASE("cancelling what then() gives cancels what it waits for") {
  bridge b;
  bool hook_ran = false;
  support::counts counts;
  completer<int> done;
  auto answer = b.submit([&] {
                   done.on_cancel([&] { hook_ran = true; });
                   return done.get_deferred();
                 }).then([t = support::token(counts)](int) {});
  b.call([] {});
  CHECK(answer.cancel());
  b.call([] {});
  b.call([] {});
  CHECK(hook_ran);
  CHECK(counts.alive() == 0);
}

TEST_CASE("a failure at the end of a chain that nobody reads is reported once") {
  const support::error_log log;
  {
    bridge b(support::reporting_to(log));
    (void)b.submit(throws).then([](int n) { return n; }).then([](int) {});
  }
  CHECK(log.size() == 1);
}

TEST_CASE("then() on an empty eventual is an error") {
  CHECK_THROWS_AS((void)eventual<int>().then([](int) {}), loopbridge::no_state);
}

TEST_CASE("what is refused leaves the eventuals as they were, with their results") {
  bridge b;
  bridge other;
  auto e = b.submit([] { return std::make_unique<int>(1); });
  auto n = b.submit([] { return 2; });
  auto m = b.submit([] { return 3; });
  std::vector<eventual<int>> many;
  many.push_back(b.submit([] { return 4; }));
  many.push_back(b.submit([] { return 5; }));
  b.stop();
  using stopped = loopbridge::bridge_stopped;
  CHECK_THROWS_AS((void)std::move(e).then([](std::unique_ptr<int>) {}), stopped);
  CHECK_THROWS_AS((void)std::move(e).then(other, [](std::unique_ptr<int>) {}), stopped);
  CHECK_THROWS_AS((void)when_all(std::move(n), std::move(m)), stopped);
  CHECK_THROWS_AS((void)when_any(std::move(n), std::move(m)), stopped);
  CHECK_THROWS_AS((void)when_all(std::move(many)), stopped);
  CHECK_THROWS_AS((void)when_any(std::move(many)), stopped);
  CHECK(*std::move(e).get() == 1);
  CHECK(n.get() == 2);
  CHECK(m.get() == 3);
  REQUIRE(many.size() == 2);
  CHECK(many[0].get() == 4);
  CHECK(many[1].get() == 5);
}

TEST_CASE("a full bridge refuses then(), and the eventual is as it was") {
  loopbridge::options opts;
  opts.capacity = 1;
  opts.patience = std::chrono::nanoseconds(0);
  bridge b(opts);
  auto e = b.submit([] { return 1; });
  e.wait();
  {
    const support::held_loop held(b);
    b.post([] {});
    CHECK_THROWS_AS((void)std::move(e).then([](int) {}), loopbridge::bridge_full);
  }
  CHECK(e.get() == 1);
  opts.patience = std::chrono::nanoseconds::max();
  bridge waits(opts);
  auto other = waits.submit([] { return 2; });
  other.wait();
  waits.call_for(generous, [&] {
    waits.post([] {});
    CHECK_THROWS_AS((void)std::move(other).then([](int) {}), loopbridge::would_deadlock);
  });
  CHECK(other.get() == 2);
}

TEST_CASE(
    "the function is destroyed before the answer, on an executor that keeps what it is given") {
  bridge b;
  bridge other;
  support::counts counts;
  struct keeps {
    std::vector<std::function<void()>> all;
    void post(std::function<void()> f) {
      all.push_back(std::move(f));
      all.back()();
    }
  } ex;
  b.submit([] { return 1; }).then(ex, [t = support::token(counts)](int) {}).get_for(generous);
  CHECK(counts.alive() == 0);
  for (int i = 0; i < 1000; ++i) {
    b.submit([] {}).then(other, [t = support::token(counts)] {}).get_for(generous);
    CHECK(counts.alive() == 0);
  }
}

TEST_CASE(
    "a function that its executor never gets is destroyed on the call's loop, before the answer") {
  bridge b;
  const auto loop_thread = b.call([] { return std::this_thread::get_id(); });
  support::counts counts;
  const auto is_destroyed_there = [&] {
    return counts.alive() == 0 && counts.destroyed_on.exchange({}) == loop_thread;
  };
  struct refuses {
    void post(std::function<void()>) { throw std::runtime_error("refused"); }
  } ex;
  auto refused = b.submit([] {}).then(ex, [t = support::token(counts)] {});
  CHECK_THROWS_WITH_AS(refused.get_for(generous), "refused", std::runtime_error);
  CHECK(is_destroyed_there());

  bridge stopped;
  stopped.stop();
  auto late = b.submit([] {}).then(stopped, [t = support::token(counts)] {});
  CHECK_THROWS_AS(late.get_for(generous), loopbridge::bridge_stopped);
  CHECK(is_destroyed_there());

  auto passed_by = b.submit(throws).then(ex, [t = support::token(counts)](int) {});
  CHECK_THROWS_WITH_AS(passed_by.get_for(generous), "first", std::runtime_error);
  CHECK(is_destroyed_there());

  auto waits = b.submit([] {
                  return completer<void>().get_deferred();
                }).then(ex, [t = support::token(counts)] {});
  CHECK_THROWS_AS(waits.get_for(generous), loopbridge::broken);
  CHECK(is_destroyed_there());
}

TEST_CASE(
    "a cancel has the function destroyed on the loop, or, if its call is queued, destroys it "
    "here") {
  bridge b;
  const auto loop_thread = b.call([] { return std::this_thread::get_id(); });
  support::counts counts;
  executor ex;
  completer<void> done;
  auto waits =
      b.submit([&] { return done.get_deferred(); }).then(ex, [t = support::token(counts)] {});
  support::catch_up(b);
  CHECK(waits.cancel());
  support::catch_up(b);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop_thread);

  const support::held_loop held(b);
  auto queued = b.submit([] {}).then(ex, [t = support::token(counts)] {});
  CHECK(queued.cancel());
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
}

TEST_CASE("then() on a bridge that is gone by then ends as on a stopped one") {
  bridge b;
  completer<int> done;
  eventual<int> answer;
  {
    bridge other;
    answer = b.submit([&] { return done.get_deferred(); }).then(other, [](int n) { return n; });
  }
  done.resolve(1);
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::bridge_stopped);
}
