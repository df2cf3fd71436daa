#include <doctest/doctest.h>
#include <poll.h>
#include <uv.h>

#include <algorithm>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/gate.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("adopt");

using loopbridge::bridge;
using loopbridge::loop_ref;
using support::app_loop;
using support::generous;

TEST_CASE("calls accepted before the loop's first turn run from that on") {
  const support::watchdog dog;
  app_loop app;
  std::vector<int> ran;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  b.post([&] { ran.push_back(1); });
  auto answer = b.submit([&](loop_ref loop) { return loop.get() == &app.loop; });
  b.post([&] { ran.push_back(2); });
  CHECK(ran.empty());
  // One turn, but where a call takes as long as a turn may.
  for (int turns = 0; turns < 3; ++turns) uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(ran == std::vector{1, 2});
  CHECK(answer.get() == true);
}

TEST_CASE("an adopted loop is not kept alive, except while accepted calls wait to run") {
  const support::watchdog dog;
  app_loop app;
  int left = 100;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  struct again {
    bridge& b;
    int& left;
    void operator()() {
      if (--left > 0) b.post(*this);  // each runs in a turn of its own
    }
  };
  b.post(again{b, left});
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(left == 0);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_alive(&app.loop) == 0);
}

TEST_CASE("a call accepted when the loop had run dry runs when the loop turns again") {
  const support::watchdog dog;
  app_loop app;
  bool ran = false;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  for (int i = 0; i < 3; ++i) uv_run(&app.loop, UV_RUN_DEFAULT);
  b.post([&] { ran = true; });
  auto nothing = [] {};
  app.in_a_callback(nothing);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(ran);
}

TEST_CASE("with nothing of the program's alive uv_run returns, and runs no call of other threads") {
  const support::watchdog dog;
  app_loop app;
  bool ran = false;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  CHECK(uv_run(&app.loop, UV_RUN_DEFAULT) == 0);
  std::thread([&]() noexcept { b.post([&] { ran = true; }); }).join();
  CHECK(uv_run(&app.loop, UV_RUN_DEFAULT) == 0);
  CHECK(uv_run(&app.loop, UV_RUN_NOWAIT) == 0);
  CHECK_FALSE(ran);
  auto nothing = [] {};
  app.in_a_callback(nothing);
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(ran);
}

TEST_CASE("a call that is accepted in the loop's last callback keeps it alive, and runs") {
  const loopbridge::options opts = support::with_each_doorbell();
  for (const bool rung_before : {false, true}) {
    for (const bool as_it_closes : {false, true}) {
      CAPTURE(rung_before);
      CAPTURE(as_it_closes);
      support::app_loop app;
      bridge b = bridge::adopt(&app.loop, opts);
      struct {
        bridge& b;
        const bool rung_before;
        const bool as_it_closes;
        int ran = 0;
        uv_timer_t timer{};

        void post() {
          // Another thread's comes first, and rings: so this one need not.
          if (rung_before) std::thread([this]() noexcept { b.post([this] { ran += 10; }); }).join();
          b.post([this] { ++ran; });
        }
      } last{b, rung_before, as_it_closes};
      uv_timer_init(&app.loop, &last.timer);
      last.timer.data = &last;
      uv_timer_start(
          &last.timer,
          [](uv_timer_t* t) {
            auto& own = *static_cast<decltype(last)*>(t->data);
            if (!own.as_it_closes) own.post();
            uv_close(reinterpret_cast<uv_handle_t*>(t), [](uv_handle_t* h) {
              auto& closed = *static_cast<decltype(last)*>(h->data);
              if (closed.as_it_closes) closed.post();
            });
          },
          1, 0);
      CHECK(uv_run(&app.loop, UV_RUN_DEFAULT) == 0);
      CHECK(last.ran == (rung_before ? 11 : 1));
    }
  }
}

TEST_CASE("calls from other threads wake the loop while it runs") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  app.keep_alive();
  std::thread caller([&]() noexcept {
    for (int i = 0; i < 200; ++i) {
      if (b.call([i] { return i; }) != i) std::abort();
    }
    b.post([&] { app.let_go(); });
  });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  caller.join();
}

TEST_CASE("a loop embedded by its descriptor is woken for every call") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  // One turn of a program that has a loop of its own: it asks libuv how long it may sleep.
  bool overslept = false;
  const auto embedded_turn = [&] {
    const int longest = static_cast<int>(std::chrono::milliseconds(generous).count());
    const int timeout = uv_backend_timeout(&app.loop);
    pollfd fd{uv_backend_fd(&app.loop), POLLIN, 0};
    const int got = poll(&fd, 1, timeout < 0 ? longest : std::min(timeout, longest));
    overslept = overslept || (got == 0 && timeout != 0);
    uv_run(&app.loop, UV_RUN_NOWAIT);
  };
  app.keep_alive();
  int ran = 0;
  std::thread caller([&]() noexcept {
    for (int i = 0; i < 100; ++i) b.call([&] { ++ran; });
    b.post([&] { b.post([&] { b.post([&] { ran = -ran; }); }); });  // by the loop, for a later turn
  });
  while (ran >= 0 && !overslept) embedded_turn();
  caller.join();
  CHECK(ran == -100);
  app.let_go();
}

TEST_CASE("a loop that is adopted on one thread may run on another") {
  const support::watchdog dog;
  app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  app.keep_alive();
  support::gate first_turn;
  b.post([=] { first_turn.open(); });
  std::thread runner([&]() noexcept {
    uv_run(&app.loop, UV_RUN_DEFAULT);
    b.stop();  // on the loop's thread
  });
  REQUIRE(first_turn.wait());
  CHECK_FALSE(b.on_loop_thread());
  CHECK(b.call([&] { return b.on_loop_thread(); }));
  CHECK(b.call([] { return std::this_thread::get_id(); }) == runner.get_id());
  b.post([&] { app.let_go(); });
  runner.join();
}

TEST_CASE("a nested uv_run keeps the order of calls") {
  const support::watchdog dog;
  app_loop app;
  std::vector<int> ran;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  b.post([&](loop_ref loop) {
    ran.push_back(1);
    b.post([&] { ran.push_back(4); });
    uv_run(loop, UV_RUN_NOWAIT);  // goes on with what was taken together with this call
    ran.push_back(-1);
  });
  b.post([&] { ran.push_back(2); });
  b.post([&] { ran.push_back(3); });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  std::vector<int> calls(ran);
  calls.erase(std::remove(calls.begin(), calls.end(), -1), calls.end());
  CHECK(calls == std::vector{1, 2, 3, 4});
  REQUIRE(ran.size() == 5);
  CHECK(ran[1] == 2);  // inside the first call
}

TEST_CASE("waiting on the thread of an adopted loop is refused") {
  app_loop app;
  bridge b = bridge::adopt(&app.loop);
  CHECK(b.on_loop_thread());
  CHECK_THROWS_AS(b.call([] {}), loopbridge::would_deadlock);
  CHECK_THROWS_AS(b.submit([] {}).get(), loopbridge::would_deadlock);
}

TEST_CASE("two bridges may share a loop") {
  const support::watchdog dog;
  app_loop app;
  bridge a = bridge::adopt(&app.loop);
  bridge b = bridge::adopt(&app.loop);
  int ran = 0;
  a.post([&] { b.post([&] { ++ran; }); });
  b.post([&] { a.post([&] { ++ran; }); });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  CHECK(ran == 2);
  a.stop();
  b.post([&] { ++ran; });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(ran == 3);
}

TEST_CASE("a bridge to an adopted loop leaves the program's handles alone") {
  const support::watchdog dog;
  app_loop app;
  int reported = 0;
  loopbridge::options opts = support::with_each_doorbell();
  opts.on_open_handle = [&](const loopbridge::open_handle&) { ++reported; };
  app.keep_alive();
  {
    bridge b = bridge::adopt(&app.loop, opts);
  }
  CHECK(reported == 0);
  CHECK(app.is_kept_alive());
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(app.open_handles() == 1);  // ours are gone
  app.let_go();
}

TEST_CASE("what cannot be adopted is refused, and the loop is as it was") {
  CHECK_THROWS_WITH_AS(bridge::adopt(nullptr), doctest::Contains("adopt() needs a loop"),
                       std::invalid_argument);
  app_loop app;
  loopbridge::options start, exit, signals, stack;
  start.on_thread_start = [] {};
  exit.on_thread_exit = [] {};
  signals.blocked_signals.emplace();
  stack.stack_size = 1 << 20;
  for (const loopbridge::options* const opts : {&start, &exit, &signals, &stack}) {
    CHECK_THROWS_WITH_AS(bridge::adopt(&app.loop, *opts), doctest::Contains("leave"),
                         std::invalid_argument);
  }
  CHECK(app.open_handles() == 0);
}
