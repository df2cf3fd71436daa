#include <doctest/doctest.h>

#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
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

TEST_CASE("then() on an empty eventual is an error, and on a stopped bridge it is refused") {
  CHECK_THROWS_AS((void)eventual<int>().then([](int) {}), loopbridge::no_state);
  bridge b;
  auto e = b.submit([] { return 1; });
  b.stop();
  CHECK_THROWS_AS((void)std::move(e).then([](int) {}), loopbridge::bridge_stopped);
}
