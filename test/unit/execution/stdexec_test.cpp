// A bridge's senders among those of a real library: its algorithms, stop tokens and schedulers.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>

#include "support/held_loop.hpp"
#include "support/senders.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("stdexec");

using loopbridge::as_sender;
using loopbridge::bridge;
using loopbridge::call_sender;
using loopbridge::get_scheduler;
using namespace std::chrono_literals;

static_assert(ex::scheduler<loopbridge::scheduler>);
static_assert(ex::sender_in<decltype(std::declval<loopbridge::scheduler>().schedule()), ex::env<>>);

namespace {

std::thread::id loop_of(bridge& b) {
  return b.call([] { return std::this_thread::get_id(); });
}

}  // namespace

TEST_CASE("a pipeline goes from one loop to another, and back to the waiting thread") {
  const support::watchdog deadline;
  bridge a;
  bridge b;
  auto work =
      ex::schedule(get_scheduler(a)) | ex::then([] { return std::this_thread::get_id(); }) |
      ex::continues_on(get_scheduler(b)) |
      ex::then([](std::thread::id on_a) { return std::pair(on_a, std::this_thread::get_id()); });
  CHECK(ex::sync_wait(std::move(work)) == std::make_tuple(std::pair(loop_of(a), loop_of(b))));
  auto started = ex::starts_on(get_scheduler(b),
                               ex::just() | ex::then([] { return std::this_thread::get_id(); }));
  CHECK(ex::sync_wait(std::move(started)) == std::tuple(loop_of(b)));
}

TEST_CASE("when_all() of calls of two bridges; one that fails cancels the other") {
  const support::watchdog deadline;
  bridge a;
  bridge b;
  auto both = ex::when_all(call_sender(a, [] { return 1; }), call_sender(b, [] { return 2; }));
  CHECK(ex::sync_wait(std::move(both)) == std::tuple(1, 2));
  loopbridge::completer<int> done;
  const support::gate cancelled;
  auto waits = as_sender(b.submit([&] {
    done.on_cancel([cancelled] { cancelled.open(); });
    return done.get_deferred();
  }));
  support::catch_up(b);  // it waits, and has its hook
  auto fails = call_sender(a, []() -> int { throw std::out_of_range("x"); });
  CHECK_THROWS_AS(ex::sync_wait(ex::when_all(std::move(waits), std::move(fails))),
                  std::out_of_range);
  CHECK(cancelled.wait());
}

TEST_CASE("let_value() and upon_stopped() take what a bridge's senders end with") {
  const support::watchdog deadline;
  bridge b;
  auto twice = call_sender(b, [] { return 3; }) |
               ex::let_value([&](int n) { return call_sender(b, [n] { return n * 2; }); });
  CHECK(ex::sync_wait(std::move(twice)) == std::tuple(6));
  b.stop();
  auto stopped = call_sender(b, [] { return 1; }) | ex::upon_stopped([] { return -1; });
  CHECK(ex::sync_wait(std::move(stopped)) == std::tuple(-1));
}

TEST_CASE("a pipeline on the loop's own thread is not waited for there") {
  const support::watchdog deadline;
  bridge b;
  const auto refused = [&](auto sender) {
    try {
      b.call([&] { (void)ex::sync_wait(std::move(sender)); });
    } catch (const loopbridge::would_deadlock&) {
      return true;
    }
    return false;
  };
  const auto on = get_scheduler(b);
  CHECK(refused(ex::schedule(on) | ex::then([] { return 1; }) | ex::then([](int n) { return n; })));
  CHECK(refused(ex::just(1) | ex::continues_on(on)));
  CHECK(refused(call_sender(b, [] {}) | ex::let_value([&] { return call_sender(b, [] {}); })));
}

TEST_CASE("an inplace_stop_token ends a timed wait") {
  const support::watchdog deadline;
  bridge b;
  ex::inplace_stop_source source;
  auto waits = ex::write_env(get_scheduler(b).schedule_after(1h),
                             ex::prop{ex::get_stop_token, source.get_token()}) |
               ex::upon_stopped([] {});
  std::thread stops([&]() noexcept {
    support::catch_up(b);
    source.request_stop();
  });
  CHECK(ex::sync_wait(std::move(waits)).has_value());
  stops.join();
}
