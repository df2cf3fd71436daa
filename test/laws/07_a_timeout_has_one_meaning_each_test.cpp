// Law 7: call_for cancels when its time is up; eventual::get_for does not, and can be called again.
// A late completion never touches the caller's dead stack.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/time_out.hpp"

TEST_SUITE_BEGIN("law 7: a timeout has one meaning each");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::timed_out;
using support::time_out_inside;

TEST_CASE("call_for cancels a call that is still queued: it never runs") {
  bridge b(support::with_each_doorbell());
  std::atomic<bool> ran{false};
  auto alive = std::make_shared<int>();
  {
    support::held_loop held(b);
    CHECK_THROWS_AS(b.call_for(1ms, [&ran, alive] { ran = true; }), timed_out);
    CHECK(alive.use_count() == 1);  // destroyed before call_for returned
  }
  support::catch_up(b);
  CHECK_FALSE(ran);
}

TEST_CASE("call_for cancels a deferred: the hook runs on the loop, a late completion is refused") {
  bridge b(support::with_each_doorbell());
  const support::gate started;
  const support::gate hook_ran;
  loopbridge::completer<int> kept;
  time_out_inside(b, started, [&] {
    started.open();
    auto answer = kept.get_deferred();
    kept.on_cancel([&] {
      if (b.on_loop_thread()) hook_ran.open();
    });
    return answer;
  });
  CHECK(hook_ran.wait());
  CHECK_FALSE(kept.resolve(5));
}

TEST_CASE("call_for returns on time although the callable runs on, whose late result is dropped") {
  bridge b(support::with_each_doorbell());
  const support::gate started;
  const support::gate go_on;
  const support::gate finished;
  time_out_inside(b, started, [started, go_on, finished] {
    started.open();
    (void)go_on.wait();
    finished.open();
    return std::make_unique<int>(1);
  });
  // The frame that waited is gone; another takes its place on the stack before the call completes.
  volatile unsigned char overwrite[4096];
  for (volatile unsigned char& byte : overwrite) byte = 0xa5;
  go_on.open();
  CHECK(finished.wait());
  support::catch_up(b);
  for (const volatile unsigned char& byte : overwrite) REQUIRE(byte == 0xa5);
}

TEST_CASE("a deferred that is returned after call_for gave up is cancelled at once") {
  bridge b(support::with_each_doorbell());
  const support::gate started;
  const support::gate go_on;
  const support::gate hook_ran;
  loopbridge::completer<int> kept;
  time_out_inside(b, started, [started, go_on, hook_ran, &kept] {
    started.open();
    (void)go_on.wait();
    auto answer = kept.get_deferred();
    kept.on_cancel([hook_ran] { hook_ran.open(); });
    return answer;
  });
  go_on.open();
  CHECK(hook_ran.wait());
}

TEST_CASE("get_for cancels nothing and may be called again") {
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  const auto answer = b.submit([] { return 11; });
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(answer.get_for(1ms), timed_out);
  CHECK_FALSE(answer.wait_for(0ms));
  held.reset();
  CHECK(answer.get_for(support::generous) == 11);
  CHECK(answer.get_for(-1h) == 11);
}

TEST_CASE("timeouts too long for the clock wait for as long as it takes") {
  bridge b;
  CHECK(b.call_for(std::chrono::hours::max(), [] { return 1; }) == 1);
  CHECK(b.submit([] { return 2; }).get_for(std::chrono::duration<double>(1e300)) == 2);
}
