#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/address.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/queue_work.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("async");

namespace {

using loopbridge::bridge;
using loopbridge::delay;
using loopbridge::queue_work;
using loopbridge::resolve;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("a delay lasts at least as long as it says, in whole milliseconds, rounded up") {
  bridge b;
  for (const auto time : {-1us, 0us, 1us, 999us, 2500us}) {
    const auto begun = std::chrono::steady_clock::now();
    b.call_for(generous, [&]() -> task<> { co_await delay(time); });
    CHECK(std::chrono::steady_clock::now() - begun > time - 1ms);  // libuv's clock has whole ones
  }
}

TEST_CASE("delays end in the order of their times, by the clock of the loop") {
  loopbridge::manual_bridge manual;
  std::string order;
  const auto later = [&](std::chrono::seconds time, char name) {
    return manual.bridge().submit([&order, time, name]() -> task<> {
      co_await delay(time);
      order += name;
      co_await delay(10s);
      order += name;
    });
  };
  const auto b = later(2s, 'b');
  const auto a = later(1s, 'a');
  manual.advance(20s);
  CHECK(order == "abab");
}

TEST_CASE("work that would block runs on a worker thread, and gives its value or its failure") {
  bridge b;
  const auto work = [&]() -> task<int> {
    const auto where = co_await queue_work([] { return std::this_thread::get_id(); });
    CHECK(where != std::this_thread::get_id());
    CHECK(b.on_loop_thread());
    auto passes_on = [p = std::make_unique<int>(3)]() mutable { return std::move(p); };
    auto moved = co_await queue_work(std::move(passes_on));
    co_await queue_work([] {});
    co_return *moved;
  };
  CHECK(b.call_for(generous, work) == 3);
  CHECK_THROWS_WITH_AS(b.call_for(generous,
                                  []() -> task<> {
                                    co_await queue_work([] { throw std::runtime_error("there"); });
                                  }),
                       "there", std::runtime_error);
}

TEST_CASE("work that is cancelled before it begins never runs; what runs is waited for") {
  bridge b;
  const support::gate release;
  std::atomic<int> running{0};
  support::counts counts;
  std::vector<loopbridge::eventual<void>> busy;
  bool token_seen = false;
  bool went_on = false;
  for (int i = 0; i < 4; ++i) {  // libuv has four threads
    busy.push_back(b.submit([&, i, t = support::token(counts)]() -> task<> {
      const auto stop = co_await loopbridge::stop_token_of_task();
      auto work = [&, i, stop, t2 = support::token(counts)] {
        ++running;
        (void)release.wait();
        if (i == 0) token_seen = stop.stop_requested();
      };
      co_await queue_work(std::move(work));
      if (i == 0) went_on = true;
    }));
  }
  REQUIRE(support::comes_true([&] { return running == 4; }));
  bool ran = false;
  auto waiting = b.submit([&, t = support::token(counts)]() -> task<> {
    auto work = [&, t2 = support::token(counts)] { ran = true; };
    co_await queue_work(std::move(work));
  });
  b.call([] {});
  CHECK(waiting.cancel());
  CHECK(busy[0].cancel());  // its waiter is released at once; its function and frame live on
  CHECK_THROWS_AS(busy[0].get_for(generous), loopbridge::cancelled);
  b.call([] {});
  CHECK(counts.alive() >= 8);
  release.open();
  for (int i = 1; i < 4; ++i) busy[static_cast<std::size_t>(i)].get_for(generous);
  REQUIRE(support::comes_true([&] { return b.call([&] { return counts.alive() == 0; }); }));
  CHECK_FALSE(ran);
  CHECK(token_seen);
  CHECK_FALSE(went_on);  // it ended where it waited, once that was over
}

TEST_CASE("a stop waits for what a worker is at, and leaves nothing") {
  const support::gate release;
  const support::gate begun;
  support::counts counts;
  std::thread opener;
  {
    bridge b;
    auto answer = b.submit([&, t = support::token(counts)]() -> task<> {
      auto work = [&, t2 = support::token(counts)] {
        begun.open();
        (void)release.wait();
      };
      co_await queue_work(std::move(work));
    });
    REQUIRE(begun.wait());
    opener = std::thread([&, a = std::move(answer)]() noexcept {
      CHECK_THROWS_AS(a.get_for(generous), loopbridge::bridge_stopped);
      release.open();  // only now: the stop below has released the waiter, and waits for the work
    });
  }
  opener.join();
  CHECK(counts.alive() == 0);
}

TEST_CASE("a host is resolved, or the failure says which, in libuv's words") {
  bridge b;
  const auto found = b.call_for(generous, []() -> task<std::vector<loopbridge::address>> {
    co_return co_await resolve("127.0.0.1", "80");
  });
  REQUIRE(found.size() >= 1);
  CHECK(found[0].ip() == "127.0.0.1");
  CHECK(found[0].port() == 80);
  const auto unknown = []() -> task<> { co_await resolve("no.such.host.invalid"); };
  try {
    b.call_for(generous, unknown);
    FAIL("found");
  } catch (const std::system_error& e) {
    CHECK(e.code().category() == loopbridge::uv_category());
    CHECK(std::string(e.what()).find("no.such.host.invalid") != std::string::npos);
  }
  auto cancelled = b.submit([]() -> task<> { co_await resolve("127.0.0.1"); });
  (void)cancelled.cancel();
  b.call([] {});
}

TEST_CASE("libuv's errors compare equal to the errors that they stand for") {
  const std::error_code missing(UV_ENOENT, loopbridge::uv_category());
  CHECK(missing == std::errc::no_such_file_or_directory);
  CHECK(missing.message().find("ENOENT") == 0);
  CHECK(std::error_code(UV_EOF, loopbridge::uv_category()) != std::errc::no_such_file_or_directory);
  CHECK_THROWS_AS(loopbridge::address("not an address", 1), std::system_error);
  CHECK(loopbridge::address("::1", 8080).port() == 8080);
}
