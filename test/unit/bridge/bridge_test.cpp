#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <barrier>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("bridge");

using loopbridge::bridge;
using loopbridge::bridge_stopped;
using loopbridge::status;
using support::generous;

namespace {

/// The options of a bridge whose thread opens `exited` at its end.
loopbridge::options telling_end(const support::gate& exited) {
  loopbridge::options opts = support::with_each_doorbell();
  opts.on_thread_exit = [exited] { exited.open(); };
  return opts;
}

}  // namespace

TEST_CASE("a call runs on the loop's thread and returns its value") {
  bridge b(support::with_each_doorbell());
  CHECK(b.call_for(generous, [&] { return b.on_loop_thread(); }));
  CHECK_FALSE(b.on_loop_thread());
}

TEST_CASE("an idle bridge stops, started just now or long asleep") {
  const support::watchdog dog;
  for (int i = 0; i < 20; ++i) const bridge b(support::with_each_doorbell());
  bridge b;
  support::until_asleep(b);
  b.stop();
}

TEST_CASE("a stopped bridge refuses everything") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  CHECK_FALSE(b.stop_requested());
  b.stop();
  CHECK(b.stop_requested());
  bool ran = false;
  const auto f = [&] { ran = true; };
  CHECK_THROWS_AS(b.post(f), bridge_stopped);
  CHECK_THROWS_AS(b.call(f), bridge_stopped);
  CHECK_THROWS_AS(b.call_for(generous, f), bridge_stopped);
  CHECK_THROWS_AS((void)b.submit(f), bridge_stopped);
  CHECK(b.try_post(f) == status::bridge_stopped);
  CHECK(b.post_reentrant([] {}) == status::bridge_stopped);
  loopbridge::reentrant_call late(b, f);
  CHECK(late.post() == status::bridge_stopped);
  CHECK(late.call_for(generous) == status::bridge_stopped);
  CHECK_FALSE(b.on_loop_thread());
  CHECK_FALSE(ran);
}

TEST_CASE("stop may be called again, and by several threads at once") {
  const support::watchdog dog;
  for (int round = 0; round < 20; ++round) {
    bridge b(support::with_each_doorbell());
    std::barrier<> together(4);
    std::atomic<int> ended{0};
    std::vector<std::thread> stoppers;
    for (int i = 0; i < 4; ++i) {
      stoppers.emplace_back([&]() noexcept {
        together.arrive_and_wait();
        b.stop();
        ++ended;
      });
    }
    for (std::thread& t : stoppers) t.join();
    CHECK(ended == 4);
    b.stop();
  }
}

TEST_CASE("a stop in a call returns at once, and the bridge ends by itself") {
  const support::watchdog dog;
  const support::gate exited;
  bridge b(telling_end(exited));
  const bool stopped = b.call_for(generous, [&] {
    b.stop();
    b.stop();
    return b.stop_requested();
  });
  CHECK(stopped);
  CHECK(exited.wait());
  b.stop();
}

TEST_CASE("a stop in a callback of libuv's ends the bridge") {
  const support::watchdog dog;
  support::gate exited;
  loopbridge::options opts;
  opts.on_thread_exit = [exited] { exited.open(); };
  opts.on_open_handle = [](const loopbridge::open_handle&) {};
  bridge b(opts);
  uv_timer_t timer;
  uv_prepare_t prepare;
  uv_check_t check;
  timer.data = prepare.data = check.data = &b;
  SUBCASE("a timer") {
    b.call_for(generous, [&](loopbridge::loop_ref loop) {
      uv_timer_init(loop, &timer);
      uv_timer_start(&timer, [](uv_timer_t* t) { static_cast<bridge*>(t->data)->stop(); }, 1, 0);
    });
  }
  SUBCASE("a prepare handle that runs before ours") {
    b.call_for(generous, [&](loopbridge::loop_ref loop) {
      uv_prepare_init(loop, &prepare);
      uv_prepare_start(&prepare, [](uv_prepare_t* p) { static_cast<bridge*>(p->data)->stop(); });
    });
  }
  SUBCASE("a check handle") {
    b.call_for(generous, [&](loopbridge::loop_ref loop) {
      uv_check_init(loop, &check);
      uv_check_start(&check, [](uv_check_t* c) { static_cast<bridge*>(c->data)->stop(); });
    });
    (void)b.try_post([] {});
  }
  CHECK(exited.wait());
}

TEST_CASE("a stop by a handler ends the bridge, though no thread waits for its end") {
  const support::watchdog dog;
  const support::gate exited;
  bridge b(telling_end(exited));
  support::catch_up(b);
  b.stop_reentrant();
  CHECK(b.stop_requested());
  CHECK(exited.wait());
  b.stop_reentrant();
  b.stop();
}

TEST_CASE("what was accepted before a stop has run when it returns") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  int ran = 0;
  for (int i = 0; i < 100; ++i) b.post([&] { ++ran; });
  std::thread stopper([&]() noexcept { b.stop(); });
  support::until_stopped(b);
  held.reset();
  stopper.join();
  CHECK(ran == 100);
}

TEST_CASE("uv_stop() by the program is a stop") {
  const support::watchdog dog;
  const support::gate exited;
  bridge b(telling_end(exited));
  loopbridge::completer<int> done;
  const auto waiting = b.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  b.post([](loopbridge::loop_ref loop) { uv_stop(loop); });
  CHECK(exited.wait());
  CHECK(b.stop_requested());
  CHECK_THROWS_AS(waiting.get_for(generous), bridge_stopped);
  CHECK_THROWS_AS(b.post([] {}), bridge_stopped);
}

TEST_CASE("a moved bridge goes on where it is") {
  bridge a(support::with_each_doorbell());
  auto before = a.submit([] { return 1; });
  bridge b(std::move(a));
  CHECK(before.get_for(generous) == 1);
  CHECK(b.call_for(generous, [] { return 2; }) == 2);
}

TEST_CASE("assigning to a bridge stops the one it held") {
  const support::watchdog dog;
  support::gate exited;
  loopbridge::options opts;
  opts.on_thread_exit = [exited] { exited.open(); };
  bridge a(opts);
  int ran = 0;
  a.post([&] { ++ran; });
  a = bridge();
  CHECK(exited.is_open());
  CHECK(ran == 1);
  CHECK(a.call_for(generous, [] { return 3; }) == 3);
}

TEST_CASE("a bridge that was moved from is empty, and says so") {
  bridge a;
  const bridge b(std::move(a));
  CHECK_THROWS_AS(a.post([] {}), loopbridge::no_state);
  CHECK_THROWS_AS((void)a.submit([] {}), loopbridge::no_state);
  CHECK_THROWS_AS(a.call([] {}), loopbridge::no_state);
  CHECK_THROWS_AS(a.call_for(generous, [] {}), loopbridge::no_state);
  CHECK_THROWS_AS(a.stop(), loopbridge::no_state);
  CHECK_THROWS_AS(loopbridge::reentrant_call(a, [] {}), loopbridge::no_state);
  CHECK(a.try_post([] {}) == status::bridge_stopped);
  CHECK(a.post_reentrant([] {}) == status::bridge_stopped);
  CHECK(a.post_reentrant([](int) {}, 1) == status::bridge_stopped);
  a.stop_reentrant();
  CHECK(a.stop_requested());
  CHECK_FALSE(a.on_loop_thread());
}

TEST_CASE("a bridge may be destroyed on its own loop, and what is queued still runs") {
  const support::watchdog dog;
  const support::gate exited;
  auto b = std::make_unique<bridge>(telling_end(exited));
  std::optional<support::held_loop> held(std::in_place, *b);
  bool ran = false;
  b->post([&] { b.reset(); });
  b->post([&] { ran = true; });
  held.reset();
  CHECK(exited.wait());
  CHECK(ran);
}

TEST_CASE("handles outlive the bridge") {
  std::optional<bridge> b(std::in_place, support::with_each_doorbell());
  auto answer = b->submit([] { return 5; });
  loopbridge::reentrant_call call(*b, [] {});
  b.reset();
  CHECK(answer.get_for(generous) == 5);
  CHECK_FALSE(answer.cancel());
  CHECK(call.post() == status::bridge_stopped);
}

TEST_CASE("in a forked child every function refuses, and a new bridge works" *
          doctest::skip(!support::children_may_start_threads)) {
  std::optional<bridge> b(std::in_place, support::with_each_doorbell());
  loopbridge::reentrant_call call(*b, [] {});
  loopbridge::completer<int> done;
  auto answer = b->submit([d = done.get_deferred()]() mutable { return std::move(d); });
  support::catch_up(*b);
  const auto wrong = [](auto&& f) {
    try {
      f();
    } catch (const loopbridge::wrong_process&) {
      return true;
    }
    return false;
  };
  CHECK(support::in_child([&] {
          if (!wrong([&] { b->post([] {}); })) return 1;
          if (!wrong([&] { (void)b->submit([] {}); })) return 2;
          if (!wrong([&] { b->call([] {}); })) return 3;
          if (!wrong([&] { b->call_for(generous, [] {}); })) return 4;
          if (!wrong([&] { b->stop(); })) return 5;
          if (b->try_post([] {}) != status::wrong_process) return 6;
          if (b->post_reentrant([] {}) != status::wrong_process) return 7;
          if (call.post() != status::wrong_process) return 8;
          if (call.call_for(generous) != status::wrong_process) return 9;
          if (!wrong([&] { answer.get(); })) return 10;
          if (answer.cancel() || answer.ready()) return 11;
          b->stop_reentrant();
          {
            const auto dropped = std::move(answer);
          }
          b.reset();
          bridge fresh;
          if (fresh.call_for(generous, [] { return 4; }) != 4) return 12;
          b.emplace();
          return b->call_for(generous, [] { return 0; });
        }) == 0);
  CHECK(b->call_for(generous, [] { return 1; }) == 1);  // the parent's was not touched
  CHECK(done.resolve(6));
  CHECK(answer.get_for(generous) == 6);
}
