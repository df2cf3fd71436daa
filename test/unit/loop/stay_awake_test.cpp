// What a loop that spins does for what comes meanwhile: core::stay_awake(), of turn.cpp.
#include <doctest/doctest.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>

#include "support/at_yield.hpp"
#include "support/patience.hpp"
#include "sync/spin.hpp"

TEST_SUITE_BEGIN("stay_awake");

using loopbridge::bridge;
using loopbridge::detail::bridge_access;
using loopbridge::detail::spinner;
using support::at_yield;

namespace {

/// Both sides spin from the start.
void trust(const bridge& b) {
  auto& spinning = *bridge_access::core(b).spinning();
  spinning.loop.trust();
  spinning.waiters.trust();
}

}  // namespace

TEST_CASE("a loop that spins takes what comes meanwhile, and has not slept in between") {
  bridge b;
  static bridge* loops;
  static std::atomic<bool> posted;
  static std::uint64_t sleeps;
  static std::atomic<int> slept;
  loops = &b;
  posted = false;
  slept = -1;
  at_yield = [] {
    if (!loops->on_loop_thread() || posted.exchange(true)) return;
    sleeps = loops->stats().sleeps;
    loops->post([] { slept = static_cast<int>(loops->stats().sleeps - sleeps); });
  };
  const bool spun = support::comes_true([&b] {
    trust(b);
    b.call([] {});
    return posted.load();
  });
  at_yield = nullptr;
  REQUIRE(spun);
  REQUIRE(support::comes_true([] { return slept != -1; }));
  CHECK(slept == 0);
}

TEST_CASE("a loop that spins sees at once what comes to a descriptor meanwhile") {
  bridge b;
  static bridge* loops;
  static std::array<int, 2> ends;
  static std::atomic<bool> written, seen;
  static std::atomic<int> went_on;
  loops = &b;
  written = seen = false;
  went_on = 0;
  REQUIRE(pipe(ends.data()) == 0);
  uv_poll_t poll;
  const auto waiters_need_others = [&b] {
    return bridge_access::core(b).spinning()->others_of_waiters() == spinner::others::are_needed;
  };
  b.call([] {});
  CHECK_FALSE(waiters_need_others());
  b.call([&poll](loopbridge::loop_ref loop) {
    uv_poll_init(loop.get(), &poll, ends[0]);
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* p, int, int) {
      seen = true;
      uv_poll_stop(p);
    });
  });
  CHECK(support::comes_true(waiters_need_others));
  at_yield = [] {
    if (!loops->on_loop_thread()) return;
    if (written.exchange(true)) {
      if (!seen) ++went_on;
      return;
    }
    if (write(ends[1], "", 1) != 1) std::abort();
  };
  const bool spun = support::comes_true([&b] {
    trust(b);
    b.call([] {});
    return written.load();
  });
  REQUIRE(spun);
  REQUIRE(support::comes_true([] { return seen.load(); }));
  at_yield = nullptr;
  CHECK(went_on <= 1);  // the first yield may have been another one than the spin's
  CHECK(support::comes_true([&] { return b.call([] {}), !waiters_need_others(); }));
  b.call([&poll] { uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr); });
  b.stop();
  for (const int end : ends) close(end);
}

TEST_CASE("a loop polls before it spins where a call has a new descriptor watched") {
  bridge b;
  static bridge* loops;
  static std::array<int, 2> ends;
  static std::atomic<bool> watched, seen;
  static std::atomic<int> yields;
  loops = &b;
  watched = seen = false;
  yields = 0;
  REQUIRE(pipe(ends.data()) == 0);
  REQUIRE(write(ends[1], "", 1) == 1);
  uv_poll_t poll;
  at_yield = [] {
    if (loops->on_loop_thread() && watched && !seen) ++yields;
  };
  b.call([&](loopbridge::loop_ref loop) {
    trust(b);
    uv_poll_init(loop.get(), &poll, ends[0]);
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* p, int, int) {
      seen = true;
      uv_poll_stop(p);
    });
    watched = true;
  });
  REQUIRE(support::comes_true([] { return seen.load(); }));
  at_yield = nullptr;
  CHECK(yields == 0);
  b.call([&poll] { uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr); });
  b.stop();
  for (const int end : ends) close(end);
}

TEST_CASE("a loop that is kept from sleeping serves its timers meanwhile") {
  bridge b;
  std::atomic<int> ticks{0};
  b.call([&](loopbridge::loop_ref loop) {
    auto* const timer = new uv_timer_t;
    uv_timer_init(loop.get(), timer);
    timer->data = &ticks;
    uv_timer_start(
        timer,
        [](uv_timer_t* t) {
          if (++*static_cast<std::atomic<int>*>(t->data) < 5) return;
          uv_close(reinterpret_cast<uv_handle_t*>(t),
                   [](uv_handle_t* h) { delete reinterpret_cast<uv_timer_t*>(h); });
        },
        1, 1);
  });
  const auto until = spinner::clock::now() + support::generous;
  while (ticks < 5 && spinner::clock::now() < until) {
    trust(b);
    b.call([] {});
  }
  CHECK(ticks >= 5);
}
