// The clock that shows the time of day jumps by a year here each time anybody looks at it.
// Deadlines are on the monotonic clock, and do not care. The monotonic clock can be moved by hand.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/timers.hpp>
#include <vector>

#include "support/doorbells.hpp"
#include "support/libc_throw.hpp"
#include "support/patience.hpp"
#include "support/sanitizers.hpp"

namespace {

constexpr time_t year = 31'557'600;
std::atomic<long> looks_at_the_day{0};
std::atomic<std::int64_t> monotonic_stands_at{0};  ///< in nanoseconds; 0: it goes
std::atomic<long> timed_sleeps{0};
std::atomic<long> timed_sleeps_by_day{0};

template <class F>
F* next(const char* name) noexcept {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// ThreadSanitizer calls these before it can bear instrumented code.
#ifndef __SANITIZE_THREAD__

extern "C" int clock_gettime(clockid_t clock, timespec* now) __THROW {
  static constinit std::atomic<int (*)(clockid_t, timespec*)> real{nullptr};
  if (real.load() == nullptr) real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real.load()(clock, now);
  if (const std::int64_t at = monotonic_stands_at; at != 0 && clock == CLOCK_MONOTONIC) {
    *now = {static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
  }
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    now->tv_sec += (++looks_at_the_day % 2 == 0 ? -1 : 1) * year * looks_at_the_day;
  }
  return result;
}
extern "C" int gettimeofday(timeval* now, void*) __THROW {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return 0;
}
extern "C" time_t time(time_t* now) __THROW {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}
/// How our own waits sleep.
extern "C" long syscall(long number, ...) __THROW {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && a[3] != 0 && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) {
    ++timed_sleeps;
    if ((a[1] & FUTEX_CLOCK_REALTIME) != 0) ++timed_sleeps_by_day;
  }
  static constinit std::atomic<long (*)(long, ...)> real{nullptr};
  if (real.load() == nullptr) real = next<long(long, ...)>("syscall");
  return real.load()(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif

TEST_SUITE_BEGIN("faults: clock");

using namespace std::chrono_literals;
using loopbridge::bridge;

TEST_CASE("the day's clock jumps, here" * doctest::skip(support::has_tsan)) {
  const auto first = std::chrono::system_clock::now();
  const auto second = std::chrono::system_clock::now();
  const auto apart = second > first ? second - first : first - second;
  CHECK(apart > 24h * 365);
}

TEST_CASE("deadlines hold while the time of day jumps by years, and nothing looks at it" *
          doctest::skip(support::has_tsan)) {
  bridge b(support::with_each_doorbell());
  loopbridge::reentrant_call prepaid(b, [] {});
  loopbridge::completer<int> done;
  const auto never = b.submit([&done] { return done.get_deferred(); });
  const long looks = looks_at_the_day;
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(never.wait_for(60ms));
  CHECK(std::chrono::steady_clock::now() - began >= 60ms);
  loopbridge::completer<int> other;
  CHECK_THROWS_AS(b.call_for(20ms, [&other] { return other.get_deferred(); }),
                  loopbridge::timed_out);
  CHECK(std::chrono::steady_clock::now() - began >= 80ms);
  CHECK(b.call_for(support::generous, [] { return 7; }) == 7);
  (void)prepaid.call_for(support::generous);
  done.resolve(8);
  CHECK(never.get_for(support::generous) == 8);
  CHECK(looks_at_the_day == looks);
  CHECK(timed_sleeps > 0);
  CHECK(timed_sleeps_by_day == 0);
}

TEST_CASE("a loop that is held up for periods leaves those out, and keeps the beat" *
          doctest::skip(support::has_tsan)) {
  loopbridge::manual_bridge manual;  // its loop turns on this thread only
  const auto begun = std::chrono::steady_clock::now().time_since_epoch();
  const auto pass = [](std::chrono::nanoseconds time) { monotonic_stands_at += time.count(); };
  pass(begun);
  std::vector<std::chrono::nanoseconds> runs;
  auto every = submit_every(manual.bridge(), 20ms, [&] {
    runs.push_back(std::chrono::steady_clock::now().time_since_epoch() - begun);
    if (runs.size() == 1) pass(110ms);  // no multiple of the period
  });
  manual.run_until_idle();
  for (int i = 0; i < 75; ++i) {
    pass(1ms);
    manual.advance(1ms);
  }
  monotonic_stands_at = 0;
  CHECK(runs == std::vector<std::chrono::nanoseconds>{20ms, 140ms, 160ms, 180ms});
}
