#include "loopbridge/results/future.hpp"

#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("future");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::to_future;
using support::generous;

template <class T>
T get(std::future<T> f) {
  REQUIRE(f.wait_for(generous) == std::future_status::ready);
  return f.get();
}

}  // namespace

TEST_CASE("a future has the value that the call returned, once it is there") {
  bridge b;
  CHECK(get(to_future(b.submit([] { return 5; }))) == 5);
  CHECK(*get(to_future(b.submit([] { return std::make_unique<int>(6); }))) == 6);
  int place = 0;
  CHECK(&get(to_future(b.submit([&]() -> int& { return place; }))) == &place);
  get(to_future(b.submit([&] { place = 7; })));
  CHECK(place == 7);
  auto done = b.submit([] { return 8; });
  done.wait();
  CHECK(get(to_future(std::move(done))) == 8);
}

TEST_CASE("a future throws what the call threw, and no failure is reported besides") {
  const support::error_log log;
  bridge b(reporting_to(log));
  auto f = to_future(b.submit([] { throw std::runtime_error("it"); }));
  CHECK_THROWS_WITH_AS(get(std::move(f)), "it", std::runtime_error);
  b.stop();
  CHECK(log.size() == 0);
}

TEST_CASE("a future is answered by a bridge that stops, and by a cancel") {
  completer<int> never;
  std::future<int> stopped;
  {
    bridge b;
    stopped = to_future(b.submit([&] { return never.get_deferred(); }));
  }
  CHECK_THROWS_AS(get(std::move(stopped)), loopbridge::bridge_stopped);
  CHECK(never.is_cancelled());
}

TEST_CASE("an eventual that is empty becomes no future") {
  CHECK_THROWS_AS((void)to_future(loopbridge::eventual<int>()), loopbridge::no_state);
}

TEST_CASE("the call, its value and the way to the future are freed, whichever goes first") {
  support::counts tokens;
  {
    bridge b;
    completer<support::token> later;
    auto kept = to_future(b.submit([&] { return later.get_deferred(); }));
    (void)to_future(b.submit([&] { return support::token(tokens); }));
    b.call([] {});
    later.resolve(support::token(tokens));
    (void)get(std::move(kept));
  }
  CHECK(tokens.made == 2);
  CHECK(tokens.alive() == 0);
}
