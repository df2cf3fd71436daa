// The ends of what an owned<H> has: its owner's, the bridge's, the process's.
#include <doctest/doctest.h>

#include <cstdlib>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/queue_work.hpp>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/counted.hpp"
#include "support/ending_client.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/memory.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("owned_end");

// How often the calling thread has entered the allocator.
static thread_local int entered = 0;

void* operator new(std::size_t size) {
  ++entered;
  if (void* const got = std::malloc(size)) return got;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  ++entered;
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  operator delete(p);
}

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::owned;
using support::make_ending;
using client = support::ending_client;

TEST_CASE(
    "a stop ends the last first, in one order with at_stop, before it looks for open handles") {
  const support::watchdog no_hang;
  support::found_open t;
  std::string ends;
  bridge b(t.opts());
  b.at_stop([&] { ends += "1"; });
  owned<client> one = make_ending(b, ends, "a");
  b.at_stop([&] { ends += "2"; });
  b.at_stop([&] { ends += "3"; });
  std::optional<owned<client>> gone(make_ending(b, ends, "b"));
  b.at_stop([&] { ends += "4"; });
  std::optional<owned<client>> latest(make_ending(b, ends, "c"));
  b.at_stop([&] { ends += "5"; });
  owned<client> two = make_ending(b, ends, "d");
  gone.reset();
  support::catch_up(b);
  CHECK(std::exchange(ends, "") == "b");
  latest.reset();
  support::catch_up(b);
  CHECK(std::exchange(ends, "") == "c");
  b.stop();
  CHECK(ends == "d5432a1");
  CHECK(t.open.empty());
  CHECK_THROWS_AS(one.post([](client&) {}), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(two.call([](client&) {}), loopbridge::bridge_stopped);
  CHECK(two.try_post([](client&) {}) == loopbridge::status::bridge_stopped);
}

TEST_CASE("the youngest ends early: functions that came before it keep their place") {
  std::string ends;
  bridge b;
  b.at_stop([&] { ends += "1"; });
  std::optional<owned<client>> gone(make_ending(b, ends, "a"));
  b.at_stop([&] { ends += "2"; });
  gone.reset();
  support::catch_up(b);
  b.at_stop([&] { ends += "3"; });
  owned<client> last = make_ending(b, ends, "b");
  b.stop();
  CHECK(ends == "ab321");
}

TEST_CASE("a bridge that makes and ends any number of them does not grow") {
  const support::watchdog no_hang;
  support::counting_memory memory;
  loopbridge::options opts;
  opts.memory = &memory;
  std::string ends;
  {
    bridge b(opts);
    long in_use = 0;
    for (int n = 0; n < 10'000; ++n) {
      const owned<std::string> made(b, [] { return std::string("x"); });
      if (n == 100) in_use = memory.bytes_in_use();
    }
    support::catch_up(b);
    CHECK(memory.bytes_in_use() <= in_use);
  }
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("an owner may outlive the bridge, and end on any thread") {
  const support::watchdog no_hang;
  std::string ends;
  support::counting_memory memory;
  loopbridge::options with_memory;
  with_memory.memory = &memory;
  for (const loopbridge::options& opts : {loopbridge::options(), with_memory}) {
    std::optional<owned<client>> c;
    {
      bridge b(opts);
      c.emplace(make_ending(b, ends, "a"));
    }
    CHECK(std::exchange(ends, "") == "a");
    CHECK_THROWS_AS(c->post([](client&) {}), loopbridge::bridge_stopped);
    std::thread([&]() noexcept { c.reset(); }).join();
  }
  CHECK(ends.empty());
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("an owner's destructor takes no memory and gives none back, before the stop and after") {
  const support::watchdog no_hang;
  std::string ends;
  std::optional<owned<client>> before;
  std::optional<owned<client>> after;
  const auto core_is_there = std::make_shared<int>();
  {
    loopbridge::options opts;
    opts.on_unhandled_error = [core_is_there](const loopbridge::unhandled_error&) {};
    bridge b(std::move(opts));
    before.emplace(make_ending(b, ends, "a"));
    after.emplace(make_ending(b, ends, "b"));
    const int by_then = entered;
    before.reset();
    CHECK(entered == by_then);
  }
  const int by_then = entered;
  after.reset();
  CHECK(entered == by_then);
  CHECK(core_is_there.use_count() == 2);
  const bridge next;  // frees what that has left
  CHECK(core_is_there.use_count() == 1);
  CHECK(ends.size() == 2);
}

TEST_CASE("a stop comes while a call on it runs: it lasts until that has returned") {
  const support::watchdog no_hang;
  std::string ends;
  bridge b;
  owned<client> c = make_ending(b, ends, "a");
  std::string then = "?";
  const support::gate started;
  std::thread caller([&]() noexcept {
    c.call([&](client&) {
      started.open();
      support::until_stopped(b);
      then = ends;
    });
  });
  REQUIRE(started.wait());
  b.stop();
  caller.join();
  CHECK(then.empty());
  CHECK(ends == "a");
}

TEST_CASE("a stop that refuses what is queued ends it all the same, with its owner's end queued") {
  const support::watchdog no_hang;
  std::string ends;
  bridge b(support::refusing());
  std::optional<owned<client>> c(make_ending(b, ends, "a"));
  support::stop_while_queued(b, [&] { c.reset(); });
  CHECK(ends == "a");
}

TEST_CASE("a task that uses it ends before it at a stop, also one that libuv works for") {
  const support::watchdog no_hang;
  for (const bool works : {false, true}) {
    support::found_open t;
    std::string ends;
    std::string then = "?";
    const support::gate begun;
    const support::gate reported;
    loopbridge::options opts = t.opts();
    opts.on_open_handle = [inner = opts.on_open_handle,
                           reported](const loopbridge::open_handle& h) {
      inner(h);
      reported.open();
    };
    bridge b(std::move(opts));
    owned<client> c = make_ending(b, ends, "a");
    auto answer = c.submit([&](client&) -> loopbridge::task<> {
      try {
        if (!works) begun.open();
        if (!works) co_await loopbridge::delay(1h);
        co_await loopbridge::queue_work([&] {  // g++ 12 would destroy copies twice
          begun.open();
          (void)reported.wait();
        });
      } catch (const loopbridge::cancelled&) {
        then = ends;
        throw;
      }
    });
    REQUIRE(begun.wait());
    support::catch_up(b);
    b.stop();
    CHECK_THROWS_AS(answer.get(), loopbridge::bridge_stopped);
    CHECK(then.empty());
    CHECK(ends == "a");
    CHECK(t.open.size() == (works ? 1 : 0));  // the bridge cannot wait for the work
  }
}
