#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <stop_token>
#include <thread>
#include <utility>

#include "support/held_loop.hpp"
#include "support/senders.hpp"

TEST_SUITE_BEGIN("timed_sender");

namespace {

using loopbridge::bridge;
using loopbridge::get_scheduler;
using support::ending;
using support::receiver;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

}  // namespace

TEST_CASE("schedule_after() and schedule_at() complete when it is time, and no earlier") {
  loopbridge::manual_bridge m;
  const auto on = get_scheduler(m.bridge());
  ending<> after;
  ending<> at;
  auto first = ex::connect(on.schedule_after(1h), receiver<>(after));
  auto second = ex::connect(on.schedule_at(on.now() + 2h), receiver<>(at));
  ex::start(first);
  ex::start(second);
  m.advance(59min);  // the rest is for what the test itself takes
  CHECK_FALSE(after.done.is_open());
  m.advance(1min);
  CHECK(after.value.has_value());
  CHECK_FALSE(at.done.is_open());
  m.advance(59min);
  CHECK_FALSE(at.done.is_open());
  m.advance(1min);
  CHECK(at.value.has_value());
}

TEST_CASE("the time counts from start(), by a real clock too") {
  bridge b;
  ending<> ended;
  auto operation = ex::connect(get_scheduler(b).schedule_after(20ms), receiver<>(ended));
  std::this_thread::sleep_for(20ms);  // what a connected operation waits does not count
  const auto begun = steady_clock::now();
  ex::start(operation);
  REQUIRE(ended.wait());
  // libuv's clock may be a part of a millisecond behind.
  CHECK(steady_clock::now() - begun >= 19ms);
  CHECK(ended.value.has_value());
  CHECK(ended.on == b.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("a time that is past, or none, completes without a wait") {
  bridge b;
  const auto on = get_scheduler(b);
  ending<> past;
  auto first = ex::connect(on.schedule_at(steady_clock::now() - 1h), receiver<>(past));
  ex::start(first);
  REQUIRE(past.wait());
  CHECK(past.value.has_value());
  ending<> none;
  auto second = ex::connect(on.schedule_after(-1h), receiver<>(none));
  ex::start(second);
  REQUIRE(none.wait());
  CHECK(none.value.has_value());
}

TEST_CASE("a stop request ends the wait, from another thread too, and is told on the loop") {
  bridge b;
  std::stop_source source;
  ending<> ended;
  auto operation =
      ex::connect(get_scheduler(b).schedule_after(1h), receiver<>(ended, source.get_token()));
  SUBCASE("while the timer runs") {
    ex::start(operation);
    support::catch_up(b);
    source.request_stop();
  }
  SUBCASE("on the loop") {
    ex::start(operation);
    b.call([&] { source.request_stop(); });
  }
  SUBCASE("before the loop has taken the call") {
    const support::held_loop held(b);
    ex::start(operation);
    source.request_stop();
  }
  SUBCASE("before start()") {
    source.request_stop();
    ex::start(operation);
  }
  REQUIRE(ended.wait());
  CHECK(ended.stopped);
  CHECK(ended.on == b.call([] { return std::this_thread::get_id(); }));
  CHECK(ended.count == 1);
}

TEST_CASE("a bridge that stops ends the wait") {
  bridge b;
  ending<> ended;
  auto operation = ex::connect(get_scheduler(b).schedule_after(1h), receiver<>(ended));
  SUBCASE("before start()") {
    b.stop();
    ex::start(operation);
  }
  SUBCASE("while the timer runs") {
    ex::start(operation);
    support::catch_up(b);
    b.stop();
  }
  REQUIRE(ended.wait());
  CHECK(ended.stopped);
  CHECK(ended.count == 1);
}

TEST_CASE("a timed sender may be connected again") {
  loopbridge::manual_bridge m;
  const auto sender = get_scheduler(m.bridge()).schedule_after(1h);
  ending<> first;
  ending<> second;
  auto one = ex::connect(sender, receiver<>(first));
  auto two = ex::connect(sender, receiver<>(second));
  ex::start(one);
  m.advance(1h);
  CHECK(first.value.has_value());
  ex::start(two);
  m.advance(30min);
  CHECK_FALSE(second.done.is_open());
  m.advance(30min);
  CHECK(second.value.has_value());
}
