#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <loopbridge/coroutines/shield.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/draining.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/timer.hpp>
#include <optional>
#include <thread>

#include "support/app_loop.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("draining");

namespace {

using loopbridge::bridge;
using loopbridge::bridge_stopped;
using loopbridge::completer;
using loopbridge::delay;
using loopbridge::status;
using loopbridge::stop_when_idle;
using loopbridge::stop_within;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("what was accepted runs, and what that begins may end; then the bridge has stopped") {
  bridge b;
  std::atomic<int> ran{0};
  auto slow = b.submit([&]() -> task<int> {
    co_await delay(5ms);
    auto more = b.submit([&] { return ++ran; });  // of its own: taken
    co_await std::move(more);
    co_await delay(5ms);
    co_return 7;
  });
  {
    const support::held_loop held(b);
    b.post([&] { b.post([&] { ++ran; }); });
    stop_when_idle(b);
    CHECK(b.stop_requested());
  }
  CHECK(slow.get_for(generous) == 7);
  CHECK(ran == 2);
  CHECK(stop_within(b, generous));
}

TEST_CASE("a bridge that becomes idle in a timer's callback, before the loop polls, stops then") {
  completer<int> answer;
  std::optional<loopbridge::timer> t;
  bridge b;
  auto late = b.submit([&](loopbridge::loop_ref loop) {
    t.emplace(loop, [&] { answer.resolve(7); });  // and closes nothing, which would wake the loop
    t->start(5ms);
    return answer.get_deferred();
  });
  b.at_stop([&] { t.reset(); });
  CHECK(stop_within(b, generous));
  CHECK(late.get_for(0ms) == 7);
}

TEST_CASE("a task that goes on until its bridge is to stop sees that, on the loop's thread too") {
  bridge b;
  auto serves = b.submit([&]() -> task<> {
    while (!b.stop_requested()) co_await delay(1ms);
  });
  CHECK(stop_within(b, generous));
  CHECK_NOTHROW(serves.get_for(0ms));
}

TEST_CASE("from outside every kind of call is refused, and on the loop it is taken") {
  bridge b;
  loopbridge::reentrant_call fired(b, [] {});
  completer<void> done;
  auto waiting = b.submit([&] { return done.get_deferred(); });
  b.call([] {});
  stop_when_idle(b);
  stop_when_idle(b);  // once more is no different
  CHECK_THROWS_AS(b.post([] {}), bridge_stopped);
  CHECK_THROWS_AS((void)b.submit([] {}), bridge_stopped);
  CHECK_THROWS_AS(b.call([] {}), bridge_stopped);
  CHECK_THROWS_AS(b.call_for(generous, [] {}), bridge_stopped);
  CHECK(b.try_post([] {}) == status::bridge_stopped);
  CHECK(b.try_submit([] {}).status() == status::bridge_stopped);
  CHECK(b.post_reentrant([] {}) == status::bridge_stopped);
  CHECK(fired.post() == status::bridge_stopped);
  CHECK(fired.call_for(generous) == status::bridge_stopped);
  CHECK_FALSE(waiting.ready());
  done.resolve();
  CHECK_NOTHROW(waiting.get_for(generous));

  bridge other;
  std::optional<status> posted;
  std::optional<status> from_a_slot;
  std::optional<status> by_firing;
  loopbridge::reentrant_call of_other(other, [] {});
  {
    const support::held_loop held(other);
    other.post([&] {
      posted = other.try_post([] {});
      from_a_slot = other.post_reentrant([] {});
      by_firing = of_other.post();
    });
    stop_when_idle(other);
  }
  CHECK(stop_within(other, generous));
  CHECK(posted == status::accepted);
  CHECK(from_a_slot == status::accepted);
  CHECK(by_firing == status::accepted);
}

TEST_CASE(
    "stop_within() says whether all came to its end in time, and has stopped it in any case") {
  {
    bridge b;
    std::atomic<bool> ended{false};
    (void)b.submit([&]() -> task<> {
      co_await delay(5ms);
      ended = true;
    });
    CHECK(stop_within(b, generous));
    CHECK(ended);
    CHECK_THROWS_AS(b.call([] {}), bridge_stopped);
    CHECK(stop_within(b, 0s));
  }
  bridge b;
  auto endless = b.submit([]() -> task<> { co_await delay(1h); });
  CHECK_FALSE(stop_within(b, 10ms));
  CHECK_THROWS_AS(endless.get_for(generous), bridge_stopped);
}

TEST_CASE("an idle bridge stops at once, and one that sleeps wakes up for it") {
  bridge b;
  support::until_asleep(b);
  CHECK(stop_within(b, generous));
}

TEST_CASE("a task that is shielded is waited for, though it was cancelled") {
  bridge b;
  std::atomic<bool> said_goodbye{false};
  const auto goodbye = [&]() -> task<> {
    co_await delay(5ms);
    said_goodbye = true;
  };
  auto cancelled = b.submit([&]() -> task<> { co_await loopbridge::shield(goodbye()); });
  b.call([] {});
  CHECK(cancelled.cancel());
  CHECK(stop_within(b, generous));
  CHECK(said_goodbye);
}

TEST_CASE("threads that wait for room when it begins get in, or are refused: none is left") {
  const support::watchdog watchdog;
  loopbridge::options opts;
  opts.capacity = 1;
  bridge b(opts);
  std::atomic<int> ended{0};
  std::optional<support::held_loop> held(std::in_place, b);
  REQUIRE(b.try_post([] {}) == status::accepted);
  std::thread blocked([&]() noexcept {
    try {
      b.post([] {});
    } catch (const bridge_stopped&) {
    }
    ++ended;
  });
  support::until_blocked(b, 1);
  stop_when_idle(b);
  held.reset();
  blocked.join();
  CHECK(ended == 1);
  CHECK(stop_within(b, generous));
}

TEST_CASE("on the loop's thread stop_when_idle() returns, and stop_within() is an error") {
  bridge b;
  b.call([&] {
    CHECK_THROWS_AS(stop_within(b, generous), loopbridge::would_deadlock);
    CHECK_FALSE(b.stop_requested());
    stop_when_idle(b);
    CHECK(b.try_post([] {}) == status::accepted);
  });
  CHECK(stop_within(b, generous));
}

TEST_CASE("an adopted loop's bridge stops at the end of a turn in which nothing is left") {
  support::app_loop app;
  {
    bridge b = bridge::adopt(&app.loop);
    completer<int> done;
    auto waiting = b.submit([&] { return done.get_deferred(); });
    uv_run(&app.loop, UV_RUN_NOWAIT);
    stop_when_idle(b);
    uv_run(&app.loop, UV_RUN_NOWAIT);
    CHECK_FALSE(waiting.ready());
    std::thread outside([&]() noexcept {
      CHECK(b.try_post([] {}) == status::bridge_stopped);
      done.resolve(3);
    });
    outside.join();
    CHECK(waiting.get_for(generous) == 3);
    uv_run(&app.loop, UV_RUN_NOWAIT);
    CHECK(b.try_post([] {}) == status::bridge_stopped);  // on the loop, too: it has stopped
  }
}

TEST_CASE("another thread waits for an adopted loop to come to its end") {
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop);
  std::optional<bool> in_time;
  std::atomic<bool> over{false};
  app.keep_alive();
  auto slow = b.submit([]() -> task<> { co_await delay(5ms); });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  std::thread outside([&]() noexcept {
    in_time = stop_within(b, generous);
    over = true;
  });
  CHECK(support::comes_true([&] {
    uv_run(&app.loop, UV_RUN_NOWAIT);
    return over.load();
  }));
  outside.join();
  CHECK(in_time == true);
  CHECK(slow.ready());
  app.let_go();
}
