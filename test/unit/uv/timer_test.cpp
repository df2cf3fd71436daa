#include <doctest/doctest.h>
#include <uv.h>

#include <limits>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/timer.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"

TEST_SUITE_BEGIN("timer");

using namespace std::chrono_literals;
using loopbridge::manual_bridge;
using loopbridge::timer;

TEST_CASE("a timer calls once, no earlier than it was started for, and may be started again") {
  manual_bridge m;
  int calls = 0;
  timer t(m.loop(), [&] { ++calls; });
  CHECK_FALSE(t.is_active());
  t.start(1500us);  // rounded up
  CHECK(t.is_active());
  m.advance(1ms);
  CHECK(calls == 0);
  m.advance(1ms);
  CHECK(calls == 1);
  CHECK_FALSE(t.is_active());
  m.advance(1h);
  CHECK(calls == 1);
  t.start(0ms);
  m.run_until_idle();
  CHECK(calls == 2);
  t.start(-1h);
  m.run_until_idle();
  CHECK(calls == 3);
}

TEST_CASE("started again before its time it is put off, or brought forward") {
  manual_bridge m;
  int calls = 0;
  timer t(m.loop(), [&] { ++calls; });
  t.start(10s);
  m.advance(9s);
  t.start(10s);
  m.advance(9s);
  CHECK(calls == 0);
  t.start(1s);
  m.advance(1s);
  CHECK(calls == 1);
  m.advance(1h);
  CHECK(calls == 1);
}

TEST_CASE("with a second time it calls again and again, until it is stopped or started for once") {
  manual_bridge m;
  int calls = 0;
  timer t(m.loop(), [&] { ++calls; });
  t.start(0s, 10s);
  m.advance(35s);
  CHECK(calls == 4);
  CHECK(t.is_active());
  t.stop();
  t.stop();
  CHECK_FALSE(t.is_active());
  m.advance(1h);
  CHECK(calls == 4);
  t.start(5s, 1us);  // rounded up: not 0, which would be once
  m.advance(5s + 2ms);
  CHECK(calls == 7);
  t.start(5s);
  m.advance(1h);
  CHECK(calls == 8);
}

TEST_CASE("for ever, and nothing between, are told apart") {
  manual_bridge m;
  int calls = 0;
  timer t(m.loop(), [&] { ++calls; });
  t.start(std::chrono::hours::max());
  m.advance(24h * 365);
  CHECK(t.is_active());
  CHECK(calls == 0);
  CHECK_THROWS_AS(t.start(1s, 0s), std::invalid_argument);
  CHECK_THROWS_AS(
      t.start(1s, std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
      std::invalid_argument);
}

TEST_CASE(
    "a timer that starts itself for no time, again and again, lets the loop do other things") {
  manual_bridge m;
  int calls = 0;
  std::optional<timer> t;
  t.emplace(m.loop(), [&] {
    if (++calls < 100) t->start(0ms);  // or the iteration would end at this many only
  });
  t->start(0ms);
  m.run_once();
  m.run_until_idle();
  CHECK(calls == 1);
  m.advance(98ms);
  CHECK(calls == 99);
}

TEST_CASE("a task that awaits no delay, again and again, lets the loop do other things") {
  manual_bridge m;
  int rounds = 0;
  auto spins = m.bridge().submit([&]() -> loopbridge::task<> {
    for (; rounds < 100; ++rounds) co_await loopbridge::delay(0ms);
  });
  m.run_until_idle();
  CHECK(rounds == 1);
  m.advance(1s);
  CHECK(rounds == 100);
  CHECK(spins.ready());
}

TEST_CASE("a timer is moved while it runs, and its function may start, stop and destroy it") {
  manual_bridge m;
  std::string order;
  std::optional<timer> kept;
  timer made(m.loop(), [&] {
    order += kept->is_active() ? "a" : "-";
    if (order.size() == 1) return kept->start(1s);
    kept->start(1s, 1s);
    kept->stop();
  });
  made.start(1s);
  kept.emplace(std::move(made));
  m.advance(1h);
  CHECK(order == "--");
  timer other(m.loop(), [&] { order += "o"; });
  *kept = std::move(other);
  kept->start(1s);
  m.advance(1h);
  CHECK(order == "--o");
  CHECK_THROWS_AS(other.start(1s), loopbridge::no_state);
  CHECK_FALSE(other.is_active());
  other.stop();
}

TEST_CASE("its function may destroy it and run the loop on, and lasts until it has returned") {
  manual_bridge m;
  support::counts counts;
  std::optional<timer> t;
  int alive_then = 0;
  t.emplace(m.loop(), [&, token = std::make_shared<support::token>(counts)] {
    t.reset();
    uv_run(m.loop(), UV_RUN_NOWAIT);  // libuv's close callback
    alive_then = counts.alive();
  });
  t->start(1s);
  m.advance(1s);
  CHECK(alive_then == 1);
  CHECK(counts.alive() == 0);
}

TEST_CASE("destroyed, it calls no more, and its function goes at once") {
  manual_bridge m;
  support::counts counts;
  int calls = 0;
  {
    timer t(m.loop(), [&, token = std::make_shared<support::token>(counts)] { ++calls; });
    t.start(0s, 1s);
  }
  CHECK(counts.alive() == 0);
  m.advance(1h);
  CHECK(calls == 0);
}

TEST_CASE("what its function throws goes to the bridge's hook, with the place of the timer") {
  const support::error_log log;
  manual_bridge m(support::reporting_to(log));
  int calls = 0;
  timer t(m.loop(), [&] {
    ++calls;
    throw std::runtime_error("in the timer");
  });
  t.start(1s, 1s);
  m.advance(2s);
  CHECK(calls == 2);
  REQUIRE(log.size() == 2);
  CHECK(log.entries()[0].what == "in the timer");
  CHECK(log.entries()[0].file.find("timer_test.cpp") != std::string::npos);
  CHECK_THROWS_AS(timer(m.loop(), nullptr), std::invalid_argument);
}

TEST_CASE("the program closes all handles: starting says so; left at the stop, it is reported") {
  std::vector<std::string> reported;
  loopbridge::options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle& h) { reported.emplace_back(h.type); };
  std::optional<timer> closed;
  std::optional<timer> left;
  {
    manual_bridge m(opts);
    closed.emplace(m.loop(), [] {});
    uv_walk(
        m.loop(),
        [](uv_handle_t* h, void*) {
          if (h->type == UV_TIMER) uv_close(h, nullptr);
        },
        nullptr);
    CHECK_THROWS_AS(closed->start(1s), std::system_error);
    left.emplace(m.loop(), [] {});
  }
  CHECK(reported == std::vector<std::string>{"timer"});
}
