#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("at_stop");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using support::generous;

}  // namespace

TEST_CASE("functions registered to run at the stop run in reverse order, on the loop's thread") {
  std::string order;
  support::counts counts;
  {
    bridge b;
    b.at_stop([&] { order += b.on_loop_thread() ? "1" : "-"; });
    b.at_stop([&, t = support::token(counts)](loopbridge::loop_ref loop) {
      order += loop.get() != nullptr ? "2" : "-";
    });
    b.call([&] { b.at_stop([&] { order += "3"; }); });
    CHECK(order.empty());
    b.stop();
    CHECK(order == "321");
    CHECK(counts.alive() == 0);
    b.stop();
  }
  CHECK(order == "321");
}

TEST_CASE("by then queued calls have run, and every waiter is released") {
  std::string order;
  bridge b;
  completer<int> never;
  auto waiting = b.submit([&] { return never.get_deferred(); });
  const support::held_loop held(b);
  b.at_stop([&] { order += waiting.ready() ? "r" : "-"; });
  b.post([&] { order += "q"; });
  std::thread stopper([&]() noexcept { b.stop(); });
  support::until_stopped(b);
  held.release();
  stopper.join();
  CHECK(order == "qr");
  CHECK_THROWS_AS(waiting.get(), loopbridge::bridge_stopped);
}

TEST_CASE("one that throws is reported, with its place, and the others run") {
  const support::error_log log;
  bool ran = false;
  {
    bridge b(support::reporting_to(log));
    b.at_stop([&] { ran = true; });
    b.at_stop([] { throw std::runtime_error("at the stop"); });
  }
  CHECK(ran);
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "at the stop");
  CHECK(log.entries()[0].file.find("at_stop_test.cpp") != std::string::npos);
}

TEST_CASE("it may close handles of its own, which are then not reported as open") {
  int reported = 0;
  loopbridge::options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle&) { ++reported; };
  uv_timer_t timer;
  {
    bridge b(std::move(opts));
    b.call([&](loopbridge::loop_ref loop) { uv_timer_init(loop, &timer); });
    b.at_stop([&] { uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr); });
  }
  CHECK(reported == 0);
}

TEST_CASE("once they run, or have run, no more are taken, and nothing is lost") {
  support::counts counts;
  bool refused = false;
  bridge b;
  b.at_stop([&] {
    try {
      b.at_stop([t = support::token(counts)] {});
    } catch (const loopbridge::bridge_stopped&) {
      refused = true;
    }
  });
  b.stop();
  CHECK(refused);
  CHECK_THROWS_AS(b.at_stop([t = support::token(counts)] {}), loopbridge::bridge_stopped);
  CHECK(counts.alive() == 0);
}

TEST_CASE("an adopted loop runs them at a stop on its thread, or in its turn after one elsewhere") {
  for (const bool elsewhere : {false, true}) {
    int ran = 0;
    support::app_loop app;
    bridge b = bridge::adopt(&app.loop);
    b.at_stop([&] { ++ran; });
    if (elsewhere) {
      std::thread([&]() noexcept { b.stop(); }).join();
      CHECK(ran == 0);
      uv_run(&app.loop, UV_RUN_NOWAIT);
    } else {
      b.stop();
    }
    CHECK(ran == 1);
  }
}

TEST_CASE("threads register while the bridge stops: each is refused or runs once") {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> ran{0};
    std::atomic<int> accepted{0};
    bridge b;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&]() noexcept {
        try {
          for (;;) {
            b.at_stop([&] { ++ran; });
            ++accepted;
          }
        } catch (const loopbridge::bridge_stopped&) {
        }
      });
    }
    b.stop();
    for (auto& t : threads) t.join();
    CHECK(ran == accepted);
  }
}
