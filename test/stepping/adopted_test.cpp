// A loop that a program runs itself, stepped through its turns. Between these it may sleep on the
// loop's descriptor, in another loop: whatever a handler submits must be seen there.
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>

#include "stepping/support/loop_turn.hpp"
#include "stepping/support/sweep.hpp"
#include "support/app_loop.hpp"
#include "support/libc_throw.hpp"

TEST_SUITE_BEGIN("stepping: adopted loops");

using loopbridge::bridge;
using loopbridge::doorbell;
using namespace stepping;

namespace {

/// The time stands still in a turn that is stepped, at a thousandth of its speed or less: else its
/// budget would be spent after a call or two, and at full speed the turns would be others.
bool time_stands_still = false;

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) __THROW {
  static timespec standing{};
  if (time_stands_still && standing.tv_sec != 0) {
    *now = standing;
    return 0;
  }
  const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (clock == CLOCK_MONOTONIC) standing = *now;
  return result;
}

TEST_CASE("an adopted loop may be interrupted anywhere in a turn, also by its embedder" *
          doctest::skip(!available)) {
  for (const auto kind : {doorbell::wakeup_fd, doorbell::uv_async}) {
    support::app_loop app;
    std::optional<bridge> b(bridge::adopt(&app.loop, loopbridge::options{.doorbell = kind}));
    std::unique_ptr<tally> t;
    loopbridge::reentrant_call fired(
        *b, [&](std::uint64_t n) { t->nested_ran += static_cast<int>(n); });
    loopbridge::reentrant_call own(*b, [&](std::uint64_t n) { t->ran += static_cast<int>(n); });
    app.keep_alive();
    const auto turns = [&]() __attribute__((noinline)) {
      // Runs the calls; then what these have left to do; then finds nothing, and would sleep.
      time_stands_still = true;
      for (int i = 0; i < 3; ++i) uv_run(&app.loop, UV_RUN_NOWAIT);
      time_stands_still = false;
    };
    // Would a program that sleeps on the loop's descriptor, or asks how long it may, be woken?
    const auto would_be_woken = [&] { return uv_backend_timeout(&app.loop) == 0 || app.is_rung(); };
    const auto visit = [&](const boundary* at, const loop_handler& h, report& r) {
      t = std::make_unique<tally>();
      expect_progress("an adopted loop");
      while (would_be_woken()) uv_run(&app.loop, UV_RUN_NOWAIT);
      mixed_calls calls;
      calls.submit(*b, own, *t);
      const auto nested = [&] { t->told = h.run(*b, fired, *t); };
      bool visited = false;
      if (at != nullptr) {
        visited = interrupt_at(*at, turns, nested);
      } else {
        (void)path_of(turns);
      }
      for (int i = 0; i < 10 && t->nested_ran < (visited ? h.runs : 0); ++i) {
        if (!would_be_woken()) ++r.hung;
        uv_run(&app.loop, UV_RUN_NOWAIT);
      }
      if (at != nullptr && !visited) turns();  // at an unreachable boundary it was not run
      if (!calls.all_answered()) ++r.lost;
      judge(r, *t, visited, h.runs);
      if (visited && t->told != h.expected) ++r.refused;
      if (visited) ++r.points;
      return visited;
    };
    for (const loop_handler& h : handlers) {
      report r;
      visit(nullptr, h, r);
      visit(nullptr, h, r);
      for_each_boundary(
          r, recorded(), {.all_up_to = 5000}, [&](const boundary& at) { return visit(&at, h, r); },
          [&] { return r.hung >= 3; });
      print_and_check(
          std::string("a turn of an adopted loop, ") + name_of(kind) + ", handler " + h.name, r);
    }
    b.reset();
    app.let_go();
  }
}
