// The clock of a bridge that is turned by hand: timers fire when the test lets their time pass.
#include <doctest/doctest.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/manual_timer.hpp"

TEST_SUITE_BEGIN("manual_bridge_time");

using loopbridge::eventual;
using loopbridge::manual_bridge;
using support::diary;
using support::timer;
using lines = std::vector<std::string>;
using namespace std::chrono_literals;

TEST_CASE("timers fire when the time has passed that the test lets pass, and no earlier") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  t.start(1h);
  m.advance(1h - 1ms);
  CHECK(d.lines.empty());
  m.advance(1ms);
  CHECK(d.lines == lines{"rang at 3600000"});
  m.advance(24h);
  CHECK(d.lines.size() == 1);
  CHECK(m.now() == 25h);
}

TEST_CASE("real time fires no timer, however much of it passes") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  const auto real_time_passes = [&] {
    const auto until = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
  t.start(10ms);
  SUBCASE("before a turn") {
    real_time_passes();
    m.run_until_idle();
  }
  SUBCASE("after one") {
    m.run_until_idle();
    real_time_passes();
    m.run_until_idle();
  }
  SUBCASE("in a call, after it has started the timer") {
    m.bridge().post([&] {
      t.start(10ms);
      real_time_passes();
    });
    m.run_until_idle();
    m.run_until_idle();
  }
  SUBCASE("in a timer's callback, after it has started the timer") {
    timer starts(m, [&] {
      t.start(10ms);
      real_time_passes();
    });
    starts.start(0ms);
    m.run_until_idle();
  }
  CHECK(d.lines.empty());
  m.advance(10ms);
  CHECK(d.lines == lines{"rang at 10"});
}

TEST_CASE(
    "timers fire in the order of their times, each at its own; those of one time as started") {
  manual_bridge m;
  diary d{m, {}};
  timer a(m, d.note("a"));
  timer b(m, d.note("b"));
  timer c(m, d.note("c"));
  timer e(m, d.note("e"));
  c.start(5ms);
  e.start(7ms);
  b.start(5ms);
  m.run_until_idle();
  m.advance(2ms);
  a.start(3ms);
  m.advance(10ms);
  CHECK(d.lines == lines{"c5", "b5", "a5", "e7"});
}

TEST_CASE("a timer that repeats, one that starts others, and calls that do, are on time") {
  manual_bridge m;
  diary d{m, {}};
  timer repeats(m, d.note("r"));
  timer late(m, d.note("l"));
  timer starts(m, [&] {
    late.start(4ms);
    m.bridge().post([&] { d.note("p")(); });
  });
  repeats.start(3ms, 5ms);
  starts.start(6ms);
  m.bridge().post(d.note("q"));
  m.advance(13ms);
  CHECK(d.lines == lines{"q0", "r3", "p6", "r8", "l10", "r13"});
  repeats.again();
  m.advance(5ms);
  CHECK(d.lines.back() == "r18");
  repeats.stop();
  m.advance(1h);
  CHECK(d.lines.back() == "r18");
}

TEST_CASE("a timer started by I/O, or by a close callback, counts from that moment") {
  manual_bridge m;
  diary d{m, {}};
  timer by_io(m, d.note("io"));
  timer by_close(m, d.note("close"));
  m.advance(100ms);
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  uv_poll_t watched;
  std::pair<timer*, timer*> both{&by_io, &by_close};
  uv_poll_init(m.loop(), &watched, ends[0]);
  watched.data = &both;
  uv_poll_start(&watched, UV_READABLE, [](uv_poll_t* p, int, int) {
    static_cast<std::pair<timer*, timer*>*>(p->data)->first->start(10ms);
    uv_close(reinterpret_cast<uv_handle_t*>(p), [](uv_handle_t* h) {
      static_cast<std::pair<timer*, timer*>*>(h->data)->second->start(20ms);
    });
  });
  m.run_until_idle();
  uv_check_t late;  // makes it readable when the turn has looked at I/O already
  uv_check_init(m.loop(), &late);
  late.data = &ends[1];
  uv_check_start(&late, [](uv_check_t* c) {
    CHECK(write(*static_cast<int*>(c->data), "x", 1) == 1);
    uv_check_stop(c);
  });
  m.run_until_idle();
  CHECK(uv_is_closing(reinterpret_cast<uv_handle_t*>(&watched)) != 0);  // so it was served
  m.advance(20ms);
  CHECK(d.lines == lines{"io110", "close120"});
  for (const int end : ends) close(end);
  uv_close(reinterpret_cast<uv_handle_t*>(&late), nullptr);
}

TEST_CASE("a timer that stops or closes another which is due at the same time wins") {
  manual_bridge m;
  diary d{m, {}};
  timer second(m, d.note("second"));
  timer first(m, [&] { second.stop(); });
  first.start(5ms);
  second.start(5ms);
  m.advance(1s);
  CHECK(d.lines.empty());
}

TEST_CASE("a deferred answer comes with its time") {
  manual_bridge m;
  std::optional<loopbridge::completer<int>> done;
  timer t(m, [&] { done->resolve(42); });
  eventual<int> answer = m.bridge().submit([&] {
    t.start(30s);
    return done.emplace().get_deferred();
  });
  m.advance(29s);
  CHECK_FALSE(answer.ready());
  m.advance(1s);
  CHECK(answer.get() == 42);
}
