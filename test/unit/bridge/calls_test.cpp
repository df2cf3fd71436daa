#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/calls.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("calls");

namespace {

using loopbridge::bridge;
using loopbridge::call_or_run;
using loopbridge::call_until;
using support::generous;
using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// What a program's function would be that both the loop and other threads use.
int add_on_loop(bridge& b, int& sum, int n) {
  return call_or_run(b, [&](loopbridge::loop_ref loop) {
    CHECK(loop.get() != nullptr);
    CHECK(b.on_loop_thread());
    return sum += n;
  });
}

}  // namespace

TEST_CASE("call_or_run() is a call from other threads, and on the loop the function itself") {
  bridge b;
  int sum = 0;
  CHECK(add_on_loop(b, sum, 1) == 1);
  CHECK(b.call([&] { return add_on_loop(b, sum, 2) + add_on_loop(b, sum, 3); }) == 9);
  CHECK(sum == 6);
  const auto fails = [&] { call_or_run(b, [] { throw std::runtime_error("it failed"); }); };
  CHECK_THROWS_WITH_AS(fails(), "it failed", std::runtime_error);
  CHECK_THROWS_WITH_AS(b.call(fails), "it failed", std::runtime_error);
}

TEST_CASE("on the loop call_or_run() does not wait its turn") {
  bridge b;
  std::string order;
  b.call([&] {
    b.post([&] { order += "queued "; });
    call_or_run(b, [&] { order += "at once "; });
  });
  b.call([] {});
  CHECK(order == "at once queued ");
}

TEST_CASE("on another bridge's loop call_or_run() is a call, with all its errors") {
  bridge a;
  bridge b;
  CHECK(a.call([&] { return call_or_run(b, [&] { return b.on_loop_thread(); }); }));
  CHECK_THROWS_AS(a.call([&] { b.call([&] { call_or_run(a, [] {}); }); }),
                  loopbridge::would_deadlock);
  b.stop();
  CHECK_THROWS_AS(call_or_run(b, [] {}), loopbridge::bridge_stopped);
}

TEST_CASE("destructors that run on the loop while the bridge stops may call_or_run()") {
  const support::error_log refused;
  int sum = 0;
  {
    bridge b(support::reporting_to(refused, support::refusing()));
    struct client {
      bridge& b;
      int& sum;
      ~client() { add_on_loop(b, sum, 1); }
    };
    support::stop_while_queued(b, [&] { b.post([c = std::make_unique<client>(b, sum)] {}); });
  }
  CHECK(sum == 1);
  CHECK(refused.size() == 1);
}

TEST_CASE("call_until() is a call with a deadline") {
  bridge b;
  CHECK(call_until(b, steady::now() + generous, [] { return 3; }) == 3);
  CHECK(call_until(b, steady::time_point::max(), [] { return 4; }) == 4);
  using in_hours = std::chrono::time_point<steady, std::chrono::hours>;
  CHECK(call_until(b, in_hours::max(), [] { return 5; }) == 5);
  const support::held_loop held(b);
  bool ran = false;
  CHECK_THROWS_AS(call_until(b, steady::now() + 5ms, [&] { ran = true; }), loopbridge::timed_out);
  CHECK_THROWS_AS(call_until(b, steady::now() - 1h, [&] { ran = true; }), loopbridge::timed_out);
  CHECK_THROWS_AS(call_until(b, steady::time_point::min(), [&] { ran = true; }),
                  loopbridge::timed_out);
  CHECK_THROWS_AS(call_until(b, in_hours::min(), [&] { ran = true; }), loopbridge::timed_out);
  held.release();
  b.call([] {});
  CHECK_FALSE(ran);
}
