// A bridge that is turned by hand. Its clock is tested by manual_bridge_time_test.cpp.
#include "loopbridge/testing/manual_bridge.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/in_child.hpp"
#include "support/manual_timer.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("manual_bridge");

using loopbridge::bridge;
using loopbridge::eventual;
using loopbridge::manual_bridge;
using loopbridge::options;
using support::diary;
using support::timer;
using lines = std::vector<std::string>;
using namespace std::chrono_literals;

TEST_CASE("calls run when the test says so, on its thread, in order") {
  manual_bridge m;
  bridge& b = m.bridge();
  std::string ran;
  b.post([&] { ran += 'a'; });
  eventual<std::thread::id> there = b.submit([&] {
    ran += 'b';
    b.post([&] { ran += 'c'; });
    return std::this_thread::get_id();
  });
  CHECK(ran.empty());
  CHECK_FALSE(there.ready());
  m.run_until_idle();
  CHECK(ran == "abc");
  CHECK(there.get() == std::this_thread::get_id());
  CHECK(b.on_loop_thread());
}

TEST_CASE("a turn at a time: what a call posts runs in the next") {
  manual_bridge m;
  bridge& b = m.bridge();
  std::string ran;
  b.post([&] {
    ran += 'a';
    b.post([&] { ran += 'b'; });
  });
  CHECK(m.run_once());
  CHECK(ran == "a");
  (void)m.run_once();
  CHECK(ran == "ab");
  m.run_until_idle();
  CHECK_FALSE(m.run_once());
}

TEST_CASE("waiting on its own thread is an error that names the way out, and loses nothing") {
  manual_bridge m;
  bool ran = false;
  CHECK_THROWS_WITH_AS(m.bridge().call([&] { ran = true; }), doctest::Contains("use post() or"),
                       loopbridge::would_deadlock);
  eventual<int> answer = m.bridge().submit([] { return 1; });
  CHECK_THROWS_AS((void)answer.get(), loopbridge::would_deadlock);
  m.run_until_idle();
  CHECK_FALSE(ran);
  CHECK(answer.get() == 1);
}

TEST_CASE("other threads wait and are answered while the loop is turned") {
  manual_bridge m;
  std::atomic<int> sum{0};
  std::atomic<int> ended{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int n = 0; n < 100; ++n) sum += m.bridge().call([n] { return n; });
      ++ended;
    });
  }
  CHECK(support::comes_true([&] {
    m.run_once();
    return ended == 3;
  }));
  CHECK(sum == 3 * 4950);
}

TEST_CASE("a call of another thread's is something to do") {
  manual_bridge m;
  m.run_until_idle();
  bool ran = false;
  std::thread([&]() noexcept { m.bridge().post([&] { ran = true; }); }).join();
  m.run_until_idle();
  CHECK(ran);
}

TEST_CASE("it is turned by its own thread only, and from outside") {
  manual_bridge m;
  bool refused = false;
  std::thread([&]() noexcept {
    try {
      m.run_once();
    } catch (const std::logic_error&) {
      refused = true;
    }
  }).join();
  CHECK(refused);
  eventual<void> nested = m.bridge().submit([&] { m.advance(1ms); });
  m.run_until_idle();
  CHECK_THROWS_WITH_AS(nested.get(), doctest::Contains("return from the callback"),
                       std::logic_error);
  CHECK_NOTHROW(m.advance(-1ms));  // no time at all
  CHECK(m.now() == 0ms);
}

TEST_CASE("a loop that is never idle is an error, and what it has done is done") {
  manual_bridge m;
  long turns = 0;
  std::function<void()> again = [&] {
    ++turns;
    m.bridge().post(again);
  };
  m.bridge().post(again);
  CHECK_THROWS_WITH_AS(m.run_until_idle(), doctest::Contains("use run_once()"), std::runtime_error);
  CHECK(turns > 1000);
  again = [] {};
  m.run_until_idle();
}

TEST_CASE(
    "its end runs what is queued, releases the waiters, and reports and closes what is open") {
  std::vector<std::string> open;
  options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle& h) { open.emplace_back(h.type); };
  bool ran = false;
  uv_timer_t forgotten;
  std::optional<loopbridge::completer<int>> never;
  std::optional<eventual<int>> waits;
  {
    manual_bridge m(opts);
    uv_timer_init(m.loop(), &forgotten);
    uv_timer_start(&forgotten, [](uv_timer_t*) {}, 5, 5);
    waits = m.bridge().submit([&] { return never.emplace().get_deferred(); });
    m.run_until_idle();
    m.bridge().post([&] { ran = true; });
  }
  CHECK(ran);
  CHECK(open == lines{"timer"});
  CHECK_THROWS_AS((void)waits->get(), loopbridge::bridge_stopped);
}

TEST_CASE("a bridge that was stopped, here or by another thread, leaves a loop that turns") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  t.start(5ms);
  SUBCASE("here") {
    m.bridge().stop();
  }
  SUBCASE("in a call") {
    m.bridge().post([&] { m.bridge().stop(); });
  }
  SUBCASE("elsewhere") {
    std::thread([&]() noexcept { m.bridge().stop(); }).join();
  }
  m.advance(5ms);
  CHECK(d.lines == lines{"rang at 5"});
  CHECK_THROWS_AS(m.bridge().post([] {}), loopbridge::bridge_stopped);
}

TEST_CASE("options that need a thread are refused") {
  options opts;
  opts.on_thread_start = [] {};
  CHECK_THROWS_AS(manual_bridge m(opts), std::invalid_argument);
}

TEST_CASE("in a forked child it refuses, and its parent's loop is left alone") {
  manual_bridge m;
  CHECK(support::in_child([&] {
          try {
            m.run_once();
            return 1;
          } catch (const loopbridge::wrong_process&) {
            return 0;
          }
        }) == 0);
  bool ran = false;
  m.bridge().post([&] { ran = true; });
  m.run_until_idle();
  CHECK(ran);
}
