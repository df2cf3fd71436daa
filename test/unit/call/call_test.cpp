// bridge::call and call_for.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/time_out.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("call");

namespace {

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::timed_out;
using support::generous;

constexpr auto at_once = std::chrono::seconds(0);

/// Both kinds of call, for what they have in common.
struct plain {
  template <class F>
  static decltype(auto) call(bridge& b, F&& f,
                             std::source_location where = std::source_location::current()) {
    return b.call(std::forward<F>(f), where);
  }
};
struct with_deadline {
  template <class F>
  static decltype(auto) call(bridge& b, F&& f,
                             std::source_location where = std::source_location::current()) {
    return b.call_for(generous, std::forward<F>(f), where);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a call returns what its callable returns", Kind, plain, with_deadline) {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  int target = 0;
  CHECK(Kind::call(b, [] { return 1; }) == 1);
  CHECK(&Kind::call(b, [&]() -> int& { return target; }) == &target);
  CHECK(*Kind::call(b, [p = std::make_unique<int>(7)]() mutable { return std::move(p); }) == 7);
  CHECK(Kind::call(b, [](loop_ref loop) { return loop.get() != nullptr ? 4 : 0; }) == 4);
  Kind::call(b, [&] { target = 9; });
  CHECK(target == 9);
  CHECK(Kind::call(b, [] {
          loopbridge::completer<std::string> done;
          auto answer = done.get_deferred();
          done.resolve("later");
          return answer;
        }) == "later");
}

TEST_CASE_TEMPLATE("a call throws what its callable throws", Kind, plain, with_deadline) {
  const support::watchdog dog;
  const support::error_log log;
  bridge b(support::reporting_to(log));
  CHECK_THROWS_WITH_AS(Kind::call(b, [] { throw std::out_of_range("x"); }), "x", std::out_of_range);
  CHECK_THROWS_AS(Kind::call(b, []() -> int { throw 5; }), int);
  CHECK(Kind::call(b, [] { return 1; }) == 1);
  CHECK(log.size() == 0);  // it was received
}

TEST_CASE_TEMPLATE("the callable is destroyed on the loop before the call returns", Kind, plain,
                   with_deadline) {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  const auto loop_thread = b.call([] { return std::this_thread::get_id(); });
  for (int i = 0; i < 50; ++i) {
    support::counts counts;
    Kind::call(b, [t = support::token(counts)] {});
    REQUIRE(counts.destroyed == 1);
    REQUIRE(counts.destroyed_on.load() == loop_thread);
  }
}

TEST_CASE_TEMPLATE("a call that a stop refuses ends its wait", Kind, plain, with_deadline) {
  const support::watchdog dog;
  bridge b(support::refusing(support::with_each_doorbell()));
  support::counts counts;
  std::optional<support::held_loop> held(std::in_place, b);
  bool refused = false, ran = false;
  std::thread caller([&]() noexcept {
    try {
      Kind::call(b, [&, t = support::token(counts)] { ran = true; });
    } catch (const loopbridge::bridge_stopped&) {
      refused = true;
    }
  });
  support::until_waiting(b, 1);
  b.stop_reentrant();
  held.reset();
  caller.join();
  b.stop();
  CHECK(refused);
  CHECK_FALSE(ran);
  CHECK(counts.alive() == 0);
}

TEST_CASE(
    "a call whose time is up while it is queued does not run, and is destroyed by the caller") {
  bridge b(support::with_each_doorbell());
  support::counts counts;
  bool ran = false;
  std::optional<support::held_loop> held(std::in_place, b);
  CHECK_THROWS_WITH_AS(b.call_for(at_once, [&, t = support::token(counts)] { ran = true; }),
                       doctest::Contains("call_test.cpp"), timed_out);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
  CHECK_THROWS_AS(b.call_for(std::chrono::nanoseconds(-1), [&] { ran = true; }), timed_out);
  CHECK_THROWS_AS(b.call_for(std::chrono::milliseconds(1), [&] { ran = true; }), timed_out);
  held.reset();
  support::catch_up(b);
  CHECK_FALSE(ran);
}

TEST_CASE("a call whose time is up while it runs goes on, and its late value is dropped") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  support::counts counts;
  support::gate running, go_on;
  const auto late = [&](bool fails) {
    return [&counts, running, go_on, fails] {
      running.open();
      (void)go_on.wait();
      if (fails) throw std::runtime_error("late");
      return support::token(counts);
    };
  };
  const auto time_out = [&](bool fails) {
    support::time_out_inside(b, running, late(fails));
    go_on.open();
    support::catch_up(b);
  };
  SUBCASE("a value") {
    time_out(false);
    CHECK(counts.made == 1);
    CHECK(counts.alive() == 0);
    CHECK(log.size() == 0);
  }
  SUBCASE("a failure") {
    time_out(true);
    REQUIRE(log.wait_for(1));
    CHECK(log.size() == 1);
    CHECK(log.entries()[0].what == "late");
    CHECK(log.entries()[0].file.find("call_test.cpp") != std::string::npos);
  }
}

TEST_CASE("a call whose time is up while it waits for a deferred is cancelled") {
  bridge b(support::with_each_doorbell());
  loopbridge::completer<int> done;
  const support::gate began;
  support::time_out_inside(b, began, [&] {
    began.open();
    return done.get_deferred();
  });
  support::catch_up(b);
  CHECK(done.is_cancelled());
  CHECK_FALSE(done.resolve(1));
}

TEST_CASE("a deadline beyond the clock is none") {
  bridge b;
  CHECK(b.call_for(std::chrono::hours::max(), [] { return 1; }) == 1);
  CHECK(b.call_for(std::chrono::duration<double>(1e100), [] { return 2; }) == 2);
}

TEST_CASE("many calls that time out and answer at the same moment end in one of the two") {
  int ran = 0;  // the loop's
  bridge b(support::with_each_doorbell());
  int answered = 0, late = 0;
  for (int i = 0; i < 2000; ++i) {
    try {
      answered += b.call_for(std::chrono::microseconds(i % 40), [&] { return ++ran, 1; });
    } catch (const timed_out&) {
      ++late;
    }
  }
  CHECK(answered + late == 2000);
  ran = b.call_for(generous, [&] { return ran; });
  CHECK(ran >= answered);
  CHECK(ran <= 2000);
}
