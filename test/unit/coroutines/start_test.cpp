#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <loopbridge/coroutines/start.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/counted.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("start");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::delay;
using loopbridge::start;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("start() tells when the task has started, with a value, and the task goes on") {
  bridge b;
  completer<int> stop;
  auto server = start<int>(b, [&](completer<int>& started) -> task<std::string> {
    co_await delay(1ms);
    started.resolve(8080);
    const int n = co_await stop.get_deferred();
    co_return "served " + std::to_string(n);
  });
  CHECK(server.started.get_for(generous) == 8080);
  CHECK_FALSE(server.ended.ready());
  stop.resolve(3);
  CHECK(server.ended.get_for(generous) == "served 3");
}

TEST_CASE("the function may take the loop, report nothing but that, and own what it captures") {
  support::counts counts;
  bridge b;
  auto running = start(b,
                       [t = std::make_unique<support::token>(counts)](
                           loopbridge::loop_ref loop, completer<void>& started) -> task<> {
                         CHECK(loop.get() != nullptr);
                         started.resolve();
                         co_await delay(1h);
                       });
  CHECK_NOTHROW(running.started.get_for(generous));
  CHECK(counts.alive() == 1);
  CHECK(running.ended.cancel());
  b.call([] {});
  CHECK(counts.alive() == 0);
}

TEST_CASE("a task that fails before it has started says so to both") {
  bridge b;
  auto server = start<int>(b, [](completer<int>&) -> task<> {
    co_await delay(0ms);
    throw std::runtime_error("the port is in use");
  });
  CHECK_THROWS_WITH_AS(server.started.get_for(generous), "the port is in use", std::runtime_error);
  CHECK_THROWS_WITH_AS(server.ended.get_for(generous), "the port is in use", std::runtime_error);
  const auto throws_at_once = [](completer<int>&) -> task<> {
    throw std::runtime_error("no task");
    co_return;
  };
  auto at_once = start<int>(b, throws_at_once);
  CHECK_THROWS_WITH_AS(at_once.started.get_for(generous), "no task", std::runtime_error);
  CHECK_THROWS_AS(at_once.ended.get_for(generous), std::runtime_error);
}

TEST_CASE("a task that ends without a report ends the wait for it, which says what is missing") {
  bridge b;
  auto forgetful = start<int>(b, [](completer<int>&) -> task<int> { co_return 1; });
  CHECK_THROWS_WITH_AS(forgetful.started.get_for(generous), doctest::Contains("call resolve()"),
                       loopbridge::broken);
  CHECK(forgetful.ended.get_for(generous) == 1);
  auto quiet = start(b, [](completer<void>&) -> task<> { co_return; });
  CHECK_THROWS_AS(quiet.started.get_for(generous), loopbridge::broken);
  CHECK_NOTHROW(quiet.ended.get_for(generous));
}

TEST_CASE("one that is cancelled, or whose bridge stops, before it has started leaves nobody") {
  loopbridge::eventual<int> started;
  loopbridge::eventual<void> ended;
  {
    bridge b;
    const auto for_ever = [](completer<int>&) -> task<> { co_await delay(1h); };
    auto cancelled = start<int>(b, for_ever);
    b.call([] {});
    CHECK(cancelled.ended.cancel());
    CHECK_THROWS_AS(cancelled.started.get_for(generous), loopbridge::cancelled);
    auto stopped = start<int>(b, for_ever);
    b.call([] {});
    started = std::move(stopped.started);
    ended = std::move(stopped.ended);
  }
  CHECK_THROWS_AS(started.get_for(generous), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(ended.get_for(generous), loopbridge::bridge_stopped);
}

TEST_CASE("to give up waiting for the start leaves the task as it is") {
  bridge b;
  std::atomic<bool> was_unwanted{false};
  auto server = start<int>(b, [&](completer<int>& started) -> task<int> {
    co_await delay(5ms);
    was_unwanted = started.is_cancelled() && !started.resolve(1);
    co_return 2;
  });
  b.call([] {});
  CHECK(server.started.cancel());
  CHECK(server.ended.get_for(generous) == 2);
  CHECK(was_unwanted);
}

TEST_CASE("start() on a bridge that has stopped is refused") {
  bridge b;
  b.stop();
  CHECK_THROWS_AS((void)start(b, [](completer<void>&) -> task<> { co_return; }),
                  loopbridge::bridge_stopped);
}
