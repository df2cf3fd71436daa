// One rule for durations, whatever their unit and type: also for values that are no numbers, or
// none that a clock has. Built with UBSan's checks of casts, where the compiler has them.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/delay.hpp>
#include <ratio>
#include <stdexcept>

#include "support/held_loop.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("durations");

namespace {

using loopbridge::bridge;
using loopbridge::status;
using loopbridge::timed_out;
using loopbridge::detail::for_ever;
using loopbridge::detail::in_nanoseconds;
using std::chrono::duration;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

using seconds = duration<double>;
using short_seconds = duration<float>;
using long_hours = duration<long double, std::ratio<3600>>;
using frames = duration<std::int64_t, std::ratio<1, 60>>;
using unsigned_hours = duration<std::uint64_t, std::ratio<3600>>;
using small_days = duration<signed char, std::ratio<86400>>;
using picoseconds = duration<std::int64_t, std::pico>;

/// Calls `f` with durations that are not more than nothing, of all sorts.
template <class F>
void with_each_nothing(F&& f) {
  f(seconds(std::nan("")));
  f(seconds(-std::nan("")));
  f(seconds(-HUGE_VAL));
  f(short_seconds(std::nanf("")));
  f(long_hours(std::nanl("")));
  f((long_hours::min)());
  f(seconds(-1e300));
  f(seconds(-0.0));
  f((nanoseconds::min)());
  f((std::chrono::hours::min)());
  f((frames::min)());
  f((small_days::min)());
  f(unsigned_hours(0));
  f(-1ns);
  f(0s);
}

/// The same with those that are longer than the clock can tell.
template <class F>
void with_each_for_ever(F&& f) {
  f(seconds(HUGE_VAL));
  f(short_seconds(HUGE_VALF));
  f(long_hours(HUGE_VALL));
  f((seconds::max)());
  f((long_hours::max)());
  f(seconds(9.3e9));
  f((nanoseconds::max)());
  f((std::chrono::hours::max)());
  f((frames::max)());
  f((unsigned_hours::max)());
}

}  // namespace

TEST_CASE("what is not more than nothing is no time, what the clock cannot tell is for ever") {
  with_each_nothing([](auto d) { CHECK(in_nanoseconds(d) == 0ns); });
  with_each_for_ever([](auto d) { CHECK(in_nanoseconds(d) == for_ever); });
}

TEST_CASE("all others are rounded up to a nanosecond, exactly where that can be said") {
  static_assert(in_nanoseconds(1h) == 3600s);
  static_assert(in_nanoseconds(picoseconds(1)) == 1ns);
  static_assert(in_nanoseconds(picoseconds(1000)) == 1ns);
  static_assert(in_nanoseconds(picoseconds(1001)) == 2ns);
  static_assert(in_nanoseconds(frames(60)) == 1s);
  static_assert(in_nanoseconds(frames(1)) == 16'666'667ns);
  static_assert(in_nanoseconds(unsigned_hours(1)) == 1h);
  static_assert(in_nanoseconds(small_days(127)) == 127 * 24h);
  static_assert(in_nanoseconds(seconds(1.5)) == 1500ms);
  static_assert(in_nanoseconds((nanoseconds::max)() - 1ns) == (nanoseconds::max)() - 1ns);
  static_assert(in_nanoseconds(std::chrono::hours(2'562'047)) == 2'562'047h);
  static_assert(in_nanoseconds(std::chrono::hours(2'562'048)) == for_ever);
  CHECK(in_nanoseconds(seconds(1e-12)) == 1ns);
  CHECK(in_nanoseconds(seconds(std::numeric_limits<double>::denorm_min())) == 1ns);
}

TEST_CASE(
    "every function that waits takes what is not more than nothing as no time, and what the clock "
    "cannot tell as for ever") {
  const support::watchdog no_hang;
  bridge b(support::with_capacity(2));
  loopbridge::reentrant_call fired(b, [] {});
  loopbridge::reentrant_queue<int> queue;
  {
    const support::held_loop held(b);
    const auto answer = b.submit([] { return 1; });
    with_each_nothing([&](auto d) {
      CHECK_THROWS_AS(b.call_for(d, [] {}), timed_out);
      CHECK_THROWS_AS(loopbridge::wrap_blocking(b, d, [] {})(), timed_out);
      CHECK_THROWS_AS(answer.get_for(d), timed_out);
      CHECK_FALSE(answer.wait_for(d));
      CHECK(fired.call_for(d) != status::answered);
      CHECK_FALSE(queue.get_for(d).has_value());
    });
  }
  b.call([] {});
  const auto answer = b.submit([] { return 1; });
  with_each_for_ever([&](auto d) {
    CHECK(b.call_for(d, [] { return 2; }) == 2);
    CHECK(loopbridge::wrap_blocking(b, d, [] { return 3; })() == 3);
    CHECK(answer.get_for(d) == 1);
    CHECK(answer.wait_for(d));
    CHECK(fired.call_for(d) != status::timed_out);
    queue.put(4);
    CHECK(queue.get_for(d) == 4);
  });
}

TEST_CASE("a wait for room, or for the log, takes them so too") {
  const support::watchdog no_hang;
  bridge b(support::with_capacity(1));
  {
    const support::held_loop held(b);
    b.post([] {});
    with_each_nothing([&](auto d) { CHECK_THROWS_AS(b.call_for(d, [] {}), timed_out); });
  }
  loopbridge::log_options opts;
  opts.writer.write = [](const loopbridge::log_line&) {};
  loopbridge::log_sink log(opts);
  with_each_nothing([&](auto d) { CHECK(log.flush(d) != status::bridge_stopped); });
  with_each_for_ever([&](auto d) { CHECK(log.flush(d) != status::timed_out); });
}

TEST_CASE(
    "what runs later takes them so: in a turn to come, never, or, again and again, not at all") {
  loopbridge::manual_bridge m;
  bridge& b = m.bridge();
  int now = 0;
  int never = 0;
  with_each_nothing([&](auto d) {
    auto at_once = submit_after(b, d, [&] { ++now; });
    m.advance(d);
    CHECK(at_once.ready());
    auto delayed = b.submit([d]() -> loopbridge::task<> { co_await loopbridge::delay(d); });
    m.run_until_idle();
    CHECK(delayed.ready());
    CHECK_THROWS_AS((void)submit_every(b, d, [] {}), std::invalid_argument);
  });
  with_each_for_ever([&](auto d) {
    auto later = submit_after(b, d, [&] { ++never; });
    auto every = submit_every(b, d, [&] { ++never; });
    auto delayed = b.submit([d]() -> loopbridge::task<> { co_await loopbridge::delay(d); });
    m.advance(std::chrono::hours(24 * 365 * 100));
    CHECK_FALSE(later.ready());
    CHECK_FALSE(delayed.ready());
    every.stop();
    later.cancel();
    delayed.cancel();
    m.run_until_idle();
  });
  CHECK(m.now() == 10 * std::chrono::hours(24 * 365 * 100));
  CHECK(now == 15);
  CHECK(never == 0);
  m.advance(seconds(0.0015));
  CHECK(m.now() == 10 * std::chrono::hours(24 * 365 * 100) + 2ms);
  m.advance(seconds(HUGE_VAL));  // with nothing that waits, it is over at once
  CHECK(m.now() > std::chrono::hours(24 * 365 * 292));
}

TEST_CASE("a watchdog that is to wait for ever, or no time at all, reports nothing") {
  for (const nanoseconds limit : {(nanoseconds::max)(), (nanoseconds::min)()}) {
    loopbridge::options opts;
    opts.watchdog.callback = limit;
    opts.watchdog.on_overdue = [](const loopbridge::overdue&) { FAIL("nothing is overdue"); };
    bridge b(opts);
    CHECK(b.call([] { return 1; }) == 1);
    CHECK(b.call_for(1h, [] { return 2; }) == 2);
  }
}
