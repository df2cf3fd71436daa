// reentrant_call::call_for: firings that are awaited.
#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("reentrant_call: waits");

namespace {

using loopbridge::bridge;
using loopbridge::reentrant_call;
using loopbridge::status;
using support::generous;

constexpr auto at_once = std::chrono::seconds(0);

}  // namespace

TEST_CASE("a firing that is awaited has run when the wait ends") {
  bridge b;
  std::uint64_t total = 0;
  reentrant_call call(b, [&](std::uint64_t firings) { total += firings; });
  for (std::uint64_t i = 1; i <= 200; ++i) {
    REQUIRE(call.call_for(generous) == status::answered);
    REQUIRE(total == i);
  }
}

TEST_CASE("an awaited firing counts together with those queued") {
  bridge b;
  std::vector<std::uint64_t> runs;
  reentrant_call call(b, [&](std::uint64_t firings) { runs.push_back(firings); });
  {
    const support::held_loop held(b);
    CHECK(call.post() == status::accepted);
    CHECK(call.post() == status::accepted);
    CHECK(call.call_for(at_once) == status::timed_out);
  }
  support::catch_up(b);
  std::uint64_t total = 0;
  for (const std::uint64_t n : runs) {
    CHECK(n > 0);
    total += n;
  }
  CHECK(total == 3);
}

TEST_CASE("a wait whose time is up does not undo the firing") {
  bridge b;
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  {
    const support::held_loop held(b);
    CHECK(call.call_for(std::chrono::milliseconds(1)) == status::timed_out);
    CHECK(call.call_for(std::chrono::seconds(-1)) == status::timed_out);
    CHECK(ran == 0);
  }
  support::catch_up(b);
  CHECK(ran == 2);
}

TEST_CASE("sixteen waits may be under way on one call, and come back when they are answered") {
  bridge b;
  std::uint64_t total = 0;
  reentrant_call call(b, [&](std::uint64_t firings) { total += firings; });
  for (int round = 0; round < 3; ++round) {
    {
      const support::held_loop held(b);
      for (int i = 0; i < 16; ++i) REQUIRE(call.call_for(at_once) == status::timed_out);
      CHECK(call.call_for(at_once) == status::exhausted);
      CHECK(call.post() == status::accepted);  // that needs no slot
    }
    support::catch_up(b);
  }
  CHECK(total == 3 * 17);
  CHECK(call.call_for(generous) == status::answered);
}

TEST_CASE("a wait that can never end, or be promised to, is refused and fires nothing") {
  int ran = 0;
  bridge b;
  reentrant_call call(b, [&] { ++ran; });
  CHECK(b.call_for(generous, [&] { return call.call_for(generous); }) == status::would_deadlock);
  CHECK(b.call_for(generous, [&] { return call.post(); }) == status::accepted);
  support::catch_up(b);
  CHECK(ran == 1);

  loopbridge::options opts;
  opts.doorbell = loopbridge::doorbell::uv_async;
  bridge async(opts);
  reentrant_call on_async(async, [&] { ++ran; });
  CHECK(on_async.call_for(generous) == status::unsupported);
  support::catch_up(async);
  CHECK(ran == 1);
}

TEST_CASE(
    "a waiter is told when a bridge stops that refuses, whether its call is queued or at the "
    "door") {
  for (int round = 0; round < 50; ++round) {
    bridge b(support::refusing());
    int ran = 0;
    reentrant_call call(b, [&] { ++ran; });
    const support::gate about_to_wait;
    status answer = status::accepted;
    std::thread waiter;
    {
      const support::held_loop held(b);
      waiter = std::thread([&]() noexcept {
        about_to_wait.open();
        answer = call.call_for(generous);
      });
      REQUIRE(about_to_wait.wait());
      for (int i = 0; i < round; ++i) std::this_thread::yield();
      b.stop_reentrant();
    }
    waiter.join();
    CHECK(answer == status::bridge_stopped);
    CHECK(ran == 0);
  }
}

TEST_CASE("a firing whose wait was given up, and which a stop then refuses, is reported") {
  const support::error_log log;
  bridge b(support::refusing(support::reporting_to(log)));
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  support::stop_while_queued(b, [&] { CHECK(call.call_for(at_once) == status::timed_out); });
  CHECK(ran == 0);
  REQUIRE(log.size() == 1);
  CHECK(support::holds<loopbridge::bridge_stopped>(log.entries()[0].error));
}

namespace {
reentrant_call* fired_by_signal = nullptr;
status signal_status = status::bridge_stopped;
int errno_after = 0;
}  // namespace

TEST_CASE("a signal handler may fire and wait, and errno is kept") {
  bridge b;
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  fired_by_signal = &call;
  struct sigaction waits{}, before{};
  waits.sa_handler = [](int) {
    errno = 1234;
    signal_status = fired_by_signal->call_for(generous);
    errno_after = errno;
  };
  REQUIRE(sigaction(SIGUSR1, &waits, &before) == 0);
  for (int i = 1; i <= 20; ++i) {
    raise(SIGUSR1);
    REQUIRE(signal_status == status::answered);
    REQUIRE(errno_after == 1234);
    REQUIRE(ran == i);
  }
  sigaction(SIGUSR1, &before, nullptr);
}
