// Law 2: however the loop ends, every waiter (queued, running or arriving late) ends with a
// distinct error.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "support/patience.hpp"

TEST_SUITE_BEGIN("law 2: no waiter hangs");

using loopbridge::bridge;
using loopbridge::bridge_stopped;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int cycles = 1'000;
#else
constexpr int cycles = 10'000;
#endif

/// A call whose answer never comes by itself.
loopbridge::deferred<int> never(loopbridge::completer<int>& kept) {
  kept = loopbridge::completer<int>();
  return kept.get_deferred();
}

}  // namespace

TEST_CASE("10,000 bridges are made, used, stopped and destroyed with waiters in flight") {
  long answered = 0;
  long stopped = 0;
  for (int i = 0; i < cycles; ++i) {
    const auto kind = i % 4 == 0 ? loopbridge::doorbell::uv_async : loopbridge::doorbell::wakeup_fd;
    const auto policy =
        i % 2 == 0 ? loopbridge::queued_calls::run : loopbridge::queued_calls::refuse;
    std::optional<bridge> b(
        std::in_place,
        loopbridge::options{.doorbell = kind,
                            .on_unhandled_error = [](const loopbridge::unhandled_error&) {},
                            .on_stop = policy});
    loopbridge::completer<int> kept;
    auto deferred = b->submit([&kept] { return never(kept); });
    std::atomic<int> outcomes{0};
    std::latch waiting(2);
    std::jthread waiter([&]() noexcept {
      waiting.count_down();
      try {
        deferred.get();
      } catch (const bridge_stopped&) {
        ++outcomes;
      }
    });
    std::jthread caller([&, target = &*b]() noexcept {
      waiting.count_down();
      try {
        while (target->call([] { return true; })) ++answered;
      } catch (const bridge_stopped&) {
        ++outcomes;
      }
    });
    waiting.wait();
    auto queued = b->submit([] { return 1; });
    if (i % 3 == 0) {
      b->post([target = &*b] { target->stop(); });
    } else if (i % 3 == 1) {
      b->stop_reentrant();
    }
    b->stop();
    waiter.join();
    caller.join();
    CHECK(outcomes == 2);
    REQUIRE(queued.ready());
    b.reset();
    try {
      const int answer = queued.get();
      CHECK(answer == 1);
    } catch (const bridge_stopped&) {
      ++stopped;
    }
  }
  CHECK(answered > 0);
  MESSAGE(cycles << " cycles, " << answered << " calls answered, " << stopped
                 << " refused at stop");
}

TEST_CASE("a waiter on a deferred ends when the bridge stops, however it is stopped") {
  enum class way { by_thread, by_callback, by_handler_call, by_uv_stop, by_destructor };
  for (const way w : {way::by_thread, way::by_callback, way::by_handler_call, way::by_uv_stop,
                      way::by_destructor}) {
    CAPTURE(int(w));
    std::optional<bridge> b(std::in_place);
    loopbridge::completer<int> kept;
    const auto answer = b->submit([&kept] { return never(kept); });
    b->call([] {});  // the first has run
    switch (w) {
      case way::by_thread:
        b->stop();
        break;
      case way::by_callback:
        b->call([&] { b->stop(); });
        break;
      case way::by_handler_call:
        b->stop_reentrant();
        break;
      case way::by_uv_stop:
        b->post([](loopbridge::loop_ref loop) { uv_stop(loop); });
        break;
      case way::by_destructor:
        b.reset();
        break;
    }
    REQUIRE(answer.wait_for(support::generous));
    CHECK_THROWS_AS(answer.get(), bridge_stopped);
    CHECK_FALSE(kept.resolve(1));  // too late, and says so
  }
}

TEST_CASE("submissions that race with stop() are answered or refused, never left") {
  for (int round = 0; round < 200; ++round) {
    bridge b;
    std::latch go(4);
    std::atomic<long> accepted{0};
    std::atomic<long> ended{0};
    std::vector<std::jthread> submitters;
    for (int t = 0; t < 3; ++t) {
      submitters.emplace_back([&]() noexcept {
        go.arrive_and_wait();
        for (int i = 0; i < 100; ++i) {
          try {
            auto answer = b.submit([] { return 1; });
            ++accepted;
            if (answer.wait_for(support::generous)) ++ended;
            (void)answer.error();
          } catch (const bridge_stopped&) {
            return;
          }
        }
      });
    }
    go.arrive_and_wait();
    b.stop();
    submitters.clear();
    CHECK(ended == accepted);
  }
}

TEST_CASE("an adopted loop that has returned releases its waiters when the bridge goes") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  std::optional<bridge> b(bridge::adopt(&loop));
  loopbridge::completer<int> kept;
  const auto running = b->submit([&kept] { return never(kept); });
  uv_run(&loop, UV_RUN_DEFAULT);  // runs it, and returns: our handles do not keep it alive
  REQUIRE_FALSE(running.ready());
  const auto queued = b->submit([] { return 1; });
  b.reset();
  REQUIRE(running.ready());
  CHECK_THROWS_AS(running.get(), bridge_stopped);
  REQUIRE(queued.ready());
  CHECK(queued.get() == 1);  // queued_calls::run: on the loop's thread it still could
  uv_run(&loop, UV_RUN_NOWAIT);
  CHECK(uv_loop_close(&loop) == 0);
}

TEST_CASE("an adopted loop that nobody runs any more releases its waiters at a stop elsewhere") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  std::optional<bridge> b(bridge::adopt(&loop));
  loopbridge::completer<int> kept;
  std::atomic<bool> hook_ran{false};
  const auto running = b->submit([&] {
    auto answer = never(kept);
    kept.on_cancel([&] { hook_ran = true; });
    return answer;
  });
  uv_run(&loop, UV_RUN_DEFAULT);
  const auto queued = b->submit([] { return 1; });
  std::jthread([&]() noexcept { b->stop(); }).join();
  REQUIRE(running.ready());
  CHECK_THROWS_AS(running.get(), bridge_stopped);
  REQUIRE(queued.ready());
  CHECK_THROWS_AS(queued.get(), bridge_stopped);
  CHECK_FALSE(hook_ran);  // hooks belong on the loop ...
  b.reset();
  CHECK(hook_ran);  // ... which this thread stands for
  uv_run(&loop, UV_RUN_NOWAIT);
  CHECK(uv_loop_close(&loop) == 0);
}
