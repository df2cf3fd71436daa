// An owned<H> on an adopted loop, in a forked child, and in many threads at once.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/ending_client.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("owned_elsewhere");

using loopbridge::bridge;
using loopbridge::owned;
using support::make_ending;
using client = support::ending_client;

TEST_CASE("an adopted loop ends it at a stop on its thread, or in its turn after one elsewhere") {
  const support::watchdog no_hang;
  for (const bool elsewhere : {false, true}) {
    for (const bool owner_first : {false, true}) {
      std::string ends;
      support::app_loop app;
      std::optional<bridge> b(bridge::adopt(&app.loop));
      std::optional<owned<client>> c(make_ending(*b, ends, "a"));
      uv_run(&app.loop, UV_RUN_NOWAIT);
      if (owner_first) c.reset();
      if (elsewhere) {
        std::thread([&]() noexcept { b->stop(); }).join();
        CHECK(ends.empty());
        uv_run(&app.loop, UV_RUN_NOWAIT);
      } else {
        b->stop();
      }
      CHECK(ends == "a");
      b.reset();
    }
  }
}

TEST_CASE("an adopted loop runs on: an owner's end in another thread reaches it") {
  const support::watchdog no_hang;
  std::string ends;
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop);
  std::optional<owned<client>> c(make_ending(b, ends, "a"));
  std::thread([&]() noexcept { c.reset(); }).join();
  uv_run(&app.loop, UV_RUN_DEFAULT);  // ends, since nothing is left
  CHECK(ends == "a");
  b.stop();
}

TEST_CASE("a forked child leaves it alone, and the parent's goes on") {
  const support::watchdog no_hang;
  std::string ends;
  bridge b;
  std::optional<owned<client>> c(make_ending(b, ends, "a"));
  CHECK(support::in_child([&] {
          if (c->try_post([](client&) {}) != loopbridge::status::wrong_process) return 1;
          try {
            (void)make_ending(b, ends, "b");
            return 2;
          } catch (const loopbridge::wrong_process&) {
          }
          c.reset();
          return ends.empty() ? 0 : 3;
        }) == 0);
  c->call([](client&) {});
  c.reset();
  support::catch_up(b);
  CHECK(ends == "a");
}

TEST_CASE("threads make, use and end them while the bridge stops: each is destroyed once") {
  const support::watchdog no_hang;
  for (int round = 0; round < 50; ++round) {
    support::found_open t;
    std::string ends;
    support::counts counts;
    std::optional<bridge> b(std::in_place, t.opts());
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int n = 0; n < 3; ++n) {
      threads.emplace_back([&]() noexcept {
        try {
          for (;;) {
            owned<client> c = make_ending(*b, ends, ".", &counts);
            c.post([&](client&) { wrong += counts.alive() < 1; });
          }
        } catch (const loopbridge::bridge_stopped&) {
        }
      });
    }
    REQUIRE(support::comes_true([&] { return counts.made > 3; }));
    b->stop();
    for (auto& thread : threads) thread.join();
    CHECK(counts.alive() == 0);
    CHECK(wrong == 0);
    CHECK(t.open.empty());
  }
}
