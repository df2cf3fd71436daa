#include "sync/spin.hpp"

#include <doctest/doctest.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <thread>

#include "support/app_loop.hpp"
#include "support/at_yield.hpp"
#include "support/doorbells.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("spin");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::options;
using loopbridge::detail::bridge_access;
using loopbridge::detail::spinner;
using spun = spinner::spun;
using support::at_yield;

namespace {

constexpr auto forever = spinner::clock::time_point::max();
using others = spinner::others;
constexpr auto no_others = [] { return others::are_not_needed; };

/// Both sides spin from the start.
void trust(const bridge& b) {
  auto& spinning = *bridge_access::core(b).spinning();
  spinning.loop.trust();
  spinning.waiters.trust();
}

/// Again where this machine took the CPU away meanwhile.
spun spin_for_nothing(spinner& s, bool shares_cpu) {
  spun found;
  do found = s.spin(shares_cpu, forever, [] { return false; }, no_others);
  while (found == spun::late);
  return found;
}

void sleep_through(std::chrono::nanoseconds time) {
  const timespec t{0, static_cast<long>(time.count())};
  nanosleep(&t, nullptr);
}

}  // namespace

TEST_CASE("a side spins once its sleeps have been short, and no longer when they are long") {
  spinner s;
  CHECK_FALSE(s.is_worth_it());
  s.slept(10us);
  CHECK(s.is_worth_it());
  s.slept(1s);
  CHECK_FALSE(s.is_worth_it());
  for (int i = 0; i < 100; ++i) s.slept(10us);
  for (int i = 0; i < 8; ++i) s.slept(1s);  // its memory is short
  CHECK_FALSE(s.is_worth_it());
}

TEST_CASE(
    "a spin that finds nothing ends by itself, and costs more trust than a short sleep gains") {
  spinner s;
  s.trust();
  CHECK(spin_for_nothing(s, false) == spun::in_vain);
  CHECK(spin_for_nothing(s, false) == spun::in_vain);
  CHECK_FALSE(s.is_worth_it());
  s.trust();
  CHECK(spin_for_nothing(s, true) == spun::in_vain);  // by yielding
}

TEST_CASE("a spin looks once more after its time, and ends at its deadline") {
  for (const bool shares_cpu : {false, true}) {
    CAPTURE(shares_cpu);
    spinner s;
    const auto over = spinner::clock::time_point{};
    const int most = shares_cpu ? 2 : 17;  // before the clock is asked, and the last one
    int looks = 0;
    CHECK(s.spin(shares_cpu, over, [&] { return ++looks == most; }, no_others) == spun::ready);
    CHECK(looks == most);
    looks = 0;
    CHECK(s.spin(shares_cpu, over, [&] { return ++looks > most; }, no_others) == spun::in_vain);
    CHECK(looks == most);
  }
}

TEST_CASE("a spin during which the CPU was taken for long ends at once, and says so") {
  spinner s;
  s.trust();
  int looks = 0;
  const spun found = s.spin(
      true, forever,
      [&] {
        if (++looks == 2) sleep_through(2ms);  // the first one that the clock follows
        return false;
      },
      no_others);
  CHECK(found == spun::late);
  CHECK(looks == 2);
  CHECK(s.is_worth_it());  // it is for the caller to judge who took it
}

TEST_CASE("a spin lets others in while they are needed, and ends when something has come of them") {
  constexpr auto never = [] { return false; };
  static int yields;
  yields = 0;
  at_yield = [] { ++yields; };
  spinner s;
  int asked = 0;
  s.spin(false, forever, never, [&] { return ++asked, others::are_needed; });
  CHECK(asked > 0);
  CHECK(yields == asked);
  yields = 0;
  spin_for_nothing(s, false);
  CHECK(yields == 0);
  at_yield = nullptr;
  spinner lucky;
  asked = 0;
  CHECK(lucky.spin(false, forever, never, [&] { return ++asked, others::have_come; }) ==
        spun::ready);
  CHECK(asked == 1);
  CHECK(lucky.is_worth_it());
}

TEST_CASE("a thread that steps back does not spin for a while, whatever it learns") {
  spinner s;
  s.step_back();
  s.trust();
  CHECK_FALSE(s.is_worth_it());
}

TEST_CASE("a spin keeps errno, also where it yields") {
  spinner s;
  errno = 1234;
  s.spin(true, forever, [] { return false; }, no_others);
  CHECK(errno == 1234);
}

TEST_CASE("a bridge that is not to spin has no thread that could") {
  options opts;
  opts.spin = loopbridge::spinning::off;
  const bridge b(opts);
  CHECK(bridge_access::core(b).spinning() == nullptr);
}

TEST_CASE("calls are answered in order where both sides spin, by several threads") {
  bridge b(support::with_each_doorbell());
  std::atomic<int> wrong{0};
  const auto call_often = [&]() noexcept {
    for (int i = 0; i < 2000; ++i) {
      if (i % 100 == 0) trust(b);
      int posted = 0;
      b.post([&posted, i] { posted = i; });
      if (b.call([&posted] { return posted; }) != i) ++wrong;
    }
  };
  std::thread other(call_often);
  call_often();
  other.join();
  CHECK(wrong == 0);
}

TEST_CASE(
    "a bridge that spins is stopped from elsewhere, from its own loop, and by a handler's way") {
  for (int i = 0; i < 300; ++i) {
    bridge b;
    trust(b);
    b.call([] {});
    if (i % 3 == 0) {
      b.stop();
    } else if (i % 3 == 1) {
      b.call([&b] { b.stop(); });
    } else {
      b.stop_reentrant();
    }
    CHECK_THROWS_AS(b.submit([] {}).get(), loopbridge::bridge_stopped);
  }
}

TEST_CASE("an adopted loop's thread does not spin, its waiters may") {
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop);
  trust(b);
  app.keep_alive();
  // Of two such handles the younger one is called first: so they tell which of ours runs the calls.
  struct {
    uv_prepare_t prepare;
    uv_check_t check;
    bool has_polled = true;
  } turn;
  turn.prepare.data = turn.check.data = &turn.has_polled;
  uv_prepare_init(&app.loop, &turn.prepare);
  uv_prepare_start(&turn.prepare, [](uv_prepare_t* p) { *static_cast<bool*>(p->data) = false; });
  uv_check_init(&app.loop, &turn.check);
  uv_check_start(&turn.check, [](uv_check_t* c) { *static_cast<bool*>(c->data) = true; });
  int found_by_spinning = 0;  // the loop's
  std::thread caller([&]() noexcept {
    for (int i = 0; i < 100; ++i) {
      b.call([&] {
        trust(b);
        if (!turn.has_polled) ++found_by_spinning;
      });
    }
    b.post([&] {
      uv_close(reinterpret_cast<uv_handle_t*>(&turn.prepare), nullptr);
      uv_close(reinterpret_cast<uv_handle_t*>(&turn.check), nullptr);
      app.let_go();
    });
  });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  caller.join();
  CHECK(found_by_spinning == 0);
  b.stop();
}
