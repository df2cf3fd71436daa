#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/to_eventual.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/patience.hpp"

TEST_SUITE_BEGIN("to_eventual");

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::to_eventual;
using support::generous;

TEST_CASE("any thread waits for a bare deferred, whenever and wherever it is resolved") {
  bridge b;
  completer<std::string> done;
  auto answer = to_eventual(b, done.get_deferred());
  CHECK_THROWS_AS(answer.get_for(std::chrono::milliseconds(5)), loopbridge::timed_out);
  std::thread resolver([&]() noexcept { CHECK(done.resolve("it")); });
  CHECK(answer.get_for(generous) == "it");
  resolver.join();

  completer<int> before;
  auto resolved = before.get_deferred();
  before.resolve(3);
  CHECK(to_eventual(b, std::move(resolved)).get_for(generous) == 3);
  CHECK(b.call([&] {
    completer<int> of_loop;
    auto e = to_eventual(b, of_loop.get_deferred());
    of_loop.resolve(4);
    return std::move(e).then([](int n) { return n + 1; });
  }) == 5);
}

TEST_CASE("it fails as the deferred does, and is cancelled, and ends with the bridge") {
  bridge b;
  completer<int> fails;
  auto failed = to_eventual(b, fails.get_deferred());
  fails.reject(std::runtime_error("it failed"));
  CHECK_THROWS_WITH_AS(failed.get_for(generous), "it failed", std::runtime_error);
  loopbridge::eventual<int> dropped;
  {
    completer<int> lost;
    dropped = to_eventual(b, lost.get_deferred());
  }
  CHECK_THROWS_AS(dropped.get_for(generous), loopbridge::broken);
  completer<int> unwanted;
  auto cancelled = to_eventual(b, unwanted.get_deferred());
  b.call([] {});
  CHECK(cancelled.cancel());
  CHECK_FALSE(unwanted.resolve(1));
  completer<int> late;
  auto stopped = to_eventual(b, late.get_deferred());
  b.stop();
  CHECK_THROWS_AS(stopped.get_for(generous), loopbridge::bridge_stopped);
  CHECK_FALSE(late.resolve(1));
}

TEST_CASE("an empty deferred is refused, and so is a bridge that has stopped") {
  bridge b;
  completer<int> done;
  auto d = done.get_deferred();
  const auto taken = std::move(d);
  CHECK_THROWS_AS((void)to_eventual(b, std::move(d)), loopbridge::no_state);
  b.stop();
  completer<int> other;
  CHECK_THROWS_AS((void)to_eventual(b, other.get_deferred()), loopbridge::bridge_stopped);
}
