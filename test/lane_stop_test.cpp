// bridge::lane, when the bridge stops: each post has run or is refused, and nobody waits on.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/lane_tools.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("lane: stop");

using loopbridge::bridge;
using loopbridge::lane;
using loopbridge::options;
using loopbridge::status;
using support::catch_up;
using support::fill;
using support::lane_capacity;

TEST_CASE(
    "a stop runs what a lane has accepted, or refuses it and says so; later posts are refused") {
  const support::watchdog dog;
  for (const auto policy : {loopbridge::queued_calls::run, loopbridge::queued_calls::refuse}) {
    support::error_log log;
    options opts = support::with_each_doorbell();
    opts.on_stop = policy;
    opts.on_unhandled_error = log.hook();
    bridge b(opts);
    lane l = b.lane();
    catch_up(l);
    std::atomic<int> ran{0};
    std::thread stopper;
    {
      const support::held_loop held(b);
      for (int i = 0; i < 100; ++i) l.post([&ran] { ++ran; });
      stopper = std::thread([&b]() noexcept { b.stop(); });
      support::until_stopped(b);
    }
    stopper.join();
    const bool runs = policy == loopbridge::queued_calls::run;
    CHECK(ran == (runs ? 100 : 0));
    CHECK(log.size() == (runs ? 0 : 100));
    CHECK(l.try_post([] {}) == status::stopped);
    CHECK(l.post_reentrant([] {}) == status::stopped);
    CHECK_THROWS_AS(l.post([] {}), loopbridge::bridge_stopped);
    CHECK_THROWS_AS(b.lane(), loopbridge::bridge_stopped);
  }
}

TEST_CASE("a producer that waits for room is told when the bridge stops") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane();
  int ran = 0;
  std::atomic<bool> told{false};
  std::thread producer;
  std::thread stopper;
  {
    const support::held_loop held(b);
    CHECK(fill(l, ran) == lane_capacity);
    producer = std::thread([&]() noexcept {
      try {
        for (;;) l.post([&ran] { ++ran; });
      } catch (const loopbridge::bridge_stopped&) {
        told = true;
      }
    });
    stopper = std::thread([&b]() noexcept { b.stop(); });
    support::until_stopped(b);
  }
  producer.join();
  stopper.join();
  CHECK(told);
  CHECK(ran >= lane_capacity);
}

TEST_CASE("posts that meet a stop are each run, or refused, and never both or neither") {
  const support::watchdog dog;
  for (int round = 0; round < 300; ++round) {
    bridge b;
    lane l = b.lane();
    std::atomic<int> ran{0};
    int accepted = 0;
    std::latch together(2);
    std::thread producer([&]() noexcept {
      together.arrive_and_wait();
      for (status s = status::accepted; s != status::stopped;) {
        s = l.try_post([&ran] { ++ran; });
        if (s == status::accepted) ++accepted;
      }
    });
    together.arrive_and_wait();
    b.stop();
    producer.join();
    CHECK(ran == accepted);
  }
}

TEST_CASE("a lane of an adopted loop runs in its turns, and is released by a stop elsewhere") {
  const support::watchdog dog;
  support::app_loop app;
  support::error_log log;
  options opts;
  opts.on_unhandled_error = log.hook();
  bridge b = bridge::adopt(&app.loop, opts);
  lane l = b.lane();
  int ran = 0;
  l.post([&ran] { ++ran; });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(ran == 1);
  std::thread producer([&]() noexcept {
    try {
      for (;;) l.post([&ran] { ++ran; });
    } catch (const loopbridge::bridge_stopped&) {
    }
  });
  std::thread([&]() noexcept { b.stop(); }).join();
  producer.join();
  CHECK(ran == 1);
  uv_run(&app.loop, UV_RUN_NOWAIT);
}

// The order in time is by relaxed accesses, which order nothing else: so that ThreadSanitizer sees
// whether the library orders the loop's last look at its lanes before their end on another thread.
TEST_CASE("a stop elsewhere ends a lane of an adopted loop that has looked at it, in order") {
  const support::watchdog dog;
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop);
  std::optional<lane> l(b.lane());
  std::atomic<bool> has_turned{false};
  std::atomic<bool> has_stopped{false};
  std::thread stopper([&]() noexcept {
    while (!has_turned.load(std::memory_order_relaxed)) std::this_thread::yield();
    b.stop();
    l.reset();
    has_stopped.store(true, std::memory_order_relaxed);
  });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  has_turned.store(true, std::memory_order_relaxed);
  while (!has_stopped.load(std::memory_order_relaxed)) uv_run(&app.loop, UV_RUN_NOWAIT);
  stopper.join();
}
