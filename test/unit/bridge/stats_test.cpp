// bridge::stats(): each number, counted by the test itself.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("stats");

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::statistics;
using loopbridge::status;
using namespace std::chrono_literals;
using support::generous;

namespace {

options without_spinning() {
  options opts = support::with_each_doorbell();
  opts.spin = loopbridge::spinning::off;
  return opts;
}

}  // namespace

TEST_CASE("a new bridge has done nothing, and a moved-from one says so") {
  bridge b(support::with_each_doorbell());
  const statistics s = b.stats();
  CHECK(s.accepted == 0);
  CHECK(s.run == 0);
  CHECK(s.queued == 0);
  CHECK(s.waiting == 0);
  CHECK(s.rings == 0);
  const bridge moved = std::move(b);
  CHECK_THROWS_AS((void)b.stats(), loopbridge::no_state);
}

TEST_CASE("every call that ran is counted, of whatever kind, once") {
  bridge b(support::with_each_doorbell());
  loopbridge::reentrant_call prepaid(b, [] {});
  b.post([] {});
  CHECK(b.try_post([] {}) == status::accepted);
  b.submit([] {}).get();
  b.call([] {});
  b.call_for(generous, [] {});
  CHECK(b.post_reentrant([] {}) == status::accepted);
  CHECK(prepaid.post() == status::accepted);
  b.call([] {});
  b.stop();
  const statistics s = b.stats();
  CHECK(s.accepted == 8);
  CHECK(s.run == 8);
  CHECK(s.refused == 0);
  CHECK(s.queued == 0);
  CHECK_THROWS_AS(b.post([] {}), loopbridge::bridge_stopped);
  CHECK(b.try_post([] {}) == status::bridge_stopped);
  CHECK(b.post_reentrant([] {}) == status::bridge_stopped);
  CHECK(prepaid.post() == status::bridge_stopped);
  CHECK(b.stats().refused == 4);
}

TEST_CASE("sums hold: accepted is run, cancelled, stopped or queued") {
  options opts = support::refusing(support::with_each_doorbell());
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  opts.capacity = 10;
  bridge b(opts);
  {
    const support::held_loop held(b);
    std::vector<loopbridge::eventual<void>> kept;
    for (int n = 0; n < 10; ++n) kept.push_back(b.submit([] {}));
    CHECK(b.try_post([] {}) == status::bridge_full);
    for (int n = 5; n < 8; ++n) CHECK(kept[static_cast<std::size_t>(n)].cancel());
    const statistics s = b.stats();
    CHECK(s.accepted == 11);  // with the one that holds the loop
    CHECK(s.refused == 1);
    CHECK(s.cancelled == 3);
    CHECK(s.queued == 10);
    CHECK(s.most_queued == 10);
  }
  b.call([] {});
  const statistics ran = b.stats();
  CHECK(ran.accepted == 12);
  CHECK(ran.run == 1 + 7 + 1);
  support::stop_while_queued(b, [&] {
    for (int n = 0; n < 4; ++n) b.post([] {});
  });
  const statistics s = b.stats();
  CHECK(s.stopped == 4);
  CHECK(s.accepted == s.run + s.cancelled + s.stopped);
  CHECK(s.queued == 0);
}

TEST_CASE(
    "what cancels a call that waits for a deferred is counted, and the library's own is not") {
  bridge b(support::with_each_doorbell());
  loopbridge::completer<int> never;
  const auto answer = b.submit([d = never.get_deferred()]() mutable { return std::move(d); });
  b.call([] {});
  CHECK(answer.cancel());
  loopbridge::completer<int> never_either;
  unsigned runs = 2;
  auto wait_for_ever = [&runs, d = never_either.get_deferred()]() mutable {
    ++runs;  // unless the time is over before the loop comes to it
    return std::move(d);
  };
  CHECK_THROWS_AS(b.call_for(1ms, std::move(wait_for_ever)), loopbridge::timed_out);
  b.stop();
  CHECK(b.stats().cancelled == 2);
  CHECK(b.stats().accepted == 3);
  CHECK(b.stats().run == runs);
}

TEST_CASE("the library's own errands are no calls, neither when they run nor at a stop") {
  options opts = support::refusing(support::with_each_doorbell());
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  bridge b(opts);
  const auto submit_waiting = [&b](loopbridge::completer<int>& never) {
    return b.submit([d = never.get_deferred()]() mutable { return std::move(d); });
  };
  loopbridge::completer<int> never;
  loopbridge::completer<int> never_either;
  const auto early = submit_waiting(never);
  const auto late = submit_waiting(never_either);
  b.call([] {});
  CHECK(early.cancel());  // to be struck off the register
  b.call([] {});
  CHECK(b.stats().accepted == 4);
  CHECK(b.stats().run == 4);
  support::stop_while_queued(b, [&] {
    CHECK(late.cancel());
    b.post([] {});
  });
  const statistics s = b.stats();
  CHECK(s.stopped == 1);
  CHECK(s.run == 5);  // with the one that holds the loop
  CHECK(s.accepted == 6);
  CHECK(s.queued == 0);
}

TEST_CASE("what a bridge with a capacity refuses because it has stopped is not queued") {
  options opts = support::with_each_doorbell();
  opts.capacity = 10;
  bridge b(opts);
  b.call([] {});
  b.stop();
  for (int n = 0; n < 3; ++n) CHECK(b.try_post([] {}) == status::bridge_stopped);
  const statistics s = b.stats();
  CHECK(s.queued == 0);
  CHECK(s.accepted == 1);
  CHECK(s.refused == 3);
}

TEST_CASE("the queue is seen where it is: in the turn that runs, and, with a capacity, behind it") {
  options opts = support::with_each_doorbell();
  SUBCASE("none") {}
  SUBCASE("a large one") {
    opts.capacity = 1'000'000;
  }
  bridge b(opts);
  support::held_loop held(b);
  for (int n = 0; n < 20; ++n) b.post([] {});
  CHECK(b.stats().queued == (opts.capacity != 0 ? 20 : 0));
  const support::gate inside;
  const support::gate go_on;
  b.post([inside, go_on] {
    inside.open();
    (void)go_on.wait();
  });
  for (int n = 0; n < 5; ++n) b.post([] {});
  held.release();
  REQUIRE(inside.wait());
  CHECK(b.stats().queued == 5);
  CHECK(b.stats().most_queued == 26);
  go_on.open();
}

TEST_CASE("a waiter that sleeps is counted, and no longer when its answer has come") {
  const support::watchdog no_hang;
  bridge b(support::with_each_doorbell());
  loopbridge::reentrant_call prepaid(b, [] {});
  const bool handlers_may_wait = loopbridge::detail::bridge_access::core(b).handler_may_wait();
  support::held_loop held(b);
  std::vector<std::thread> waiters;
  for (int n = 0; n < 3; ++n) waiters.emplace_back([&]() noexcept { b.call([] {}); });
  waiters.emplace_back([&]() noexcept { (void)prepaid.call_for(generous); });
  support::until_waiting(b, handlers_may_wait ? 4 : 3);
  held.release();
  for (std::thread& t : waiters) t.join();
  CHECK(b.stats().waiting == 0);
}

TEST_CASE("writes to the doorbell, and those that were saved, and sleeps") {
  bridge b(without_spinning());
  support::until_asleep(b);
  b.call([] {});
  support::until_asleep(b);
  const statistics before = b.stats();
  CHECK(before.rings == 1);
  {
    const support::held_loop held(b);  // rings once more
    for (int n = 0; n < 100; ++n) b.post([] {});
  }
  b.call([] {});
  support::until_asleep(b);
  const statistics after = b.stats();
  CHECK(after.rings - before.rings <= 3);
  CHECK(after.rings + after.rings_saved == after.accepted);
  CHECK(after.accepted - before.accepted == 102);
  CHECK(after.sleeps > before.sleeps);
}

TEST_CASE("the lag is that of the longest turn, also of one in which the loop has spun") {
  bridge b(support::with_each_doorbell());
  for (int n = 0; n < 100; ++n) b.call([] {});
  b.call([] { std::this_thread::sleep_for(30ms); });
  b.call([] {});
  b.call([] {});
  const auto lag = b.stats().longest_turn;
  CHECK(lag >= 25ms);
  CHECK(b.stats().longest_callback == 0ns);  // nobody looked at the clock
}

TEST_CASE("an adopted loop is counted too") {
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  b.post([] {});
  b.post([] { std::this_thread::sleep_for(5ms); });
  for (int turn = 0; turn < 3; ++turn) uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(b.stats().run == 2);
  CHECK(b.stats().longest_turn == 0ms);  // what its thread does otherwise is its own affair
  b.stop();
  CHECK(b.stats().run == 2);
}

TEST_CASE("the longest callback is named, with its place, if a watchdog is set") {
  options opts = support::with_each_doorbell();
  opts.watchdog.callback = generous;
  bridge b(opts);
  b.call([] {});
  b.call([] { std::this_thread::sleep_for(20ms); });
  const unsigned line = __LINE__ - 1;
  b.call([] {});
  const statistics s = b.stats();
  CHECK(s.longest_callback >= 20ms);
  CHECK(s.longest_callback_from.line() == line);
  CHECK(std::string(s.longest_callback_from.file_name()).find("stats_test") != std::string::npos);
}
