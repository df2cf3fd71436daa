#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "support/error_log.hpp"
#include "support/senders.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("execution_domain");

namespace {

using loopbridge::as_sender;
using loopbridge::bridge;
using loopbridge::call_sender;
using loopbridge::get_scheduler;
using namespace std::chrono_literals;

/// Is a sync_wait() of it on the loop of `b` refused?
template <class Sender>
bool is_refused_on(bridge& b, Sender sender) {
  try {
    b.call([&] { (void)ex::sync_wait(std::move(sender)); });
  } catch (const loopbridge::would_deadlock&) {
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("sync_wait() on another thread gives what the sender ends with") {
  const support::watchdog deadline;
  bridge b;
  CHECK(ex::sync_wait(call_sender(b, [] { return 6; })) == std::tuple(6));
  CHECK(ex::sync_wait(as_sender(b.submit([] { return 7; }))) == std::tuple(7));
  CHECK(ex::sync_wait(get_scheduler(b).schedule()).has_value());
  CHECK(ex::sync_wait(get_scheduler(b).schedule_after(1ms)).has_value());
  CHECK_THROWS_AS(ex::sync_wait(call_sender(b, [] { throw std::out_of_range("x"); })),
                  std::out_of_range);
  b.stop();
  CHECK_FALSE(ex::sync_wait(get_scheduler(b).schedule()).has_value());
}

TEST_CASE("sync_wait() on the loop's own thread, of what completes there, is would_deadlock") {
  const support::watchdog deadline;
  bridge b;
  const auto on = get_scheduler(b);
  CHECK(is_refused_on(b, on.schedule()));
  CHECK(is_refused_on(b, on.schedule_after(1ms)));
  CHECK(is_refused_on(b, call_sender(b, [] { return 1; })));
  CHECK(is_refused_on(b, as_sender(b.submit([] { return 1; }))));
  CHECK(is_refused_on(b, ex::then(on.schedule(), [] { return 1; })));
  CHECK(b.call([] { return 1; }) == 1);
}

TEST_CASE("the error names where the scheduler was asked for") {
  const support::watchdog deadline;
  bridge b;
  CHECK_THROWS_WITH_AS(b.call([on = get_scheduler(b)] { (void)ex::sync_wait(on.schedule()); }),
                       doctest::Contains("execution_domain_test.cpp"), loopbridge::would_deadlock);
}

TEST_CASE("another bridge's loop may wait, unless that would close a circle") {
  const support::watchdog deadline;
  bridge a;
  bridge b;
  CHECK(a.call([&] { return ex::sync_wait(call_sender(b, [] { return 1; })); }) == std::tuple(1));
  SUBCASE("by the call that is waited for") {
    const auto circle = [&] { return a.call([] { return 1; }); };
    CHECK_THROWS_AS(a.call([&] { return ex::sync_wait(call_sender(b, circle)); }),
                    loopbridge::would_deadlock);
  }
  SUBCASE("by the sync_wait") {
    const auto circle = [&] { return ex::sync_wait(get_scheduler(a).schedule()).has_value(); };
    CHECK_THROWS_AS(a.call([&] { return b.call(circle); }), loopbridge::would_deadlock);
  }
}

TEST_CASE("a sync_wait whose sender has completed closes no circle, though it has yet to wake") {
  const support::watchdog deadline;
  const support::error_log refused;
  loopbridge::options opts;
  opts.on_unhandled_error = refused.hook();
  bridge a;
  bridge b(opts);
  // It runs on b as soon as the sender has completed.
  const auto ask_back = [&] { b.post([&] { a.call([] {}); }); };
  for (int i = 0; i < 200; ++i) {
    CHECK(a.call([&] { return ex::sync_wait(call_sender(b, ask_back)).has_value(); }));
    b.call([] {});
  }
  CHECK(refused.size() == 0);
}
