// What it shares with a semaphore is in semaphore_test.cpp.
#include <doctest/doctest.h>

#include <loopbridge/coroutines/async_mutex.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "support/error_log.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("async_mutex");

namespace {

using loopbridge::async_mutex;
using loopbridge::bridge;
using loopbridge::delay;
using loopbridge::eventual;
using loopbridge::task;
using loopbridge::would_deadlock;
using support::generous;
using namespace std::chrono_literals;

/// Waits until it can be locked, and locks it for a moment.
task<> lock_shortly(async_mutex& m) {
  const auto lock = co_await m.lock();
}

/// Has it locked for an hour.
task<> lock_for_long(async_mutex& m) {
  const auto lock = co_await m.lock();
  co_await delay(1h);
}

}  // namespace

TEST_CASE("one task at a time is between lock and unlock, in the order in which they came") {
  bridge b;
  async_mutex m;
  std::string log;
  const auto query = [&](char name) -> task<> {
    const auto lock = co_await m.lock();
    log += name;
    co_await delay(1ms);
    log += name;
  };
  std::vector<eventual<void>> all;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    all.push_back(b.submit([&, name] { return query(name); }));
  }
  for (auto& e : all) e.get_for(generous);
  CHECK(log == "aabbccdd");
  CHECK_FALSE(b.call([&] { return m.is_locked(); }));
}

TEST_CASE("a guard stays where it was made, and may unlock early") {
  static_assert(!std::is_move_constructible_v<async_mutex::guard>);
  bridge b;
  async_mutex m;
  b.call([&]() -> task<> {
    auto lock = co_await m.lock();
    CHECK(m.is_locked());
    lock.unlock();
    CHECK_FALSE(m.is_locked());
    const auto again = co_await m.lock();
    lock.unlock();  // nothing of its own is left
    CHECK(m.is_locked());
  });
  CHECK_FALSE(b.call([&] { return m.is_locked(); }));
}

TEST_CASE("a task that fails, or is cancelled, unlocks") {
  bridge b;
  async_mutex m;
  CHECK_THROWS_AS(b.call([&]() -> task<> {
    const auto lock = co_await m.lock();
    throw std::runtime_error("the query failed");
  }),
                  std::runtime_error);
  b.call([&] { return lock_shortly(m); });
  auto held = b.submit([&] { return lock_for_long(m); });
  auto next = b.submit([&] { return lock_shortly(m); });
  b.call([] {});
  CHECK(held.cancel());
  CHECK_NOTHROW(next.get_for(generous));
}

TEST_CASE("a lock that is given to a task as it is cancelled goes to the next") {
  bridge b;
  async_mutex m;
  auto held = b.submit([&] { return lock_for_long(m); });
  auto first = b.submit([&] { return lock_for_long(m); });
  auto second = b.submit([&] { return lock_shortly(m); });
  b.call([] {});
  b.call([&] {
    CHECK(held.cancel());   // this unlocks for the first,
    CHECK(first.cancel());  // and this comes before it goes on
  });
  CHECK_NOTHROW(second.get_for(generous));
  CHECK_FALSE(b.call([&] { return m.is_locked(); }));
}

TEST_CASE("when it is destroyed the waiters end as broken, and its guard is harmless") {
  bridge b;
  auto m = std::make_unique<async_mutex>();
  auto held = b.submit([&] { return lock_for_long(*m); });
  auto waiting = b.submit([&] { return lock_shortly(*m); });
  b.call([] {});
  b.call([&] { m.reset(); });
  CHECK_THROWS_WITH_AS(waiting.get_for(generous),
                       doctest::Contains("this async_mutex was destroyed"), loopbridge::broken);
  CHECK(held.cancel());
  b.call([] {});
}

TEST_CASE("when the bridge stops holder and waiters end, and it is unlocked") {
  const support::error_log log;
  async_mutex m;
  std::vector<eventual<void>> all;
  {
    bridge b(support::reporting_to(log));
    for (int n = 0; n < 5; ++n) all.push_back(b.submit([&] { return lock_for_long(m); }));
    b.call([] {});
  }
  for (auto& e : all) CHECK_THROWS_AS(e.get_for(generous), loopbridge::bridge_stopped);
  CHECK_FALSE(m.is_locked());
  CHECK(log.size() == 0);
}

TEST_CASE("a task that locks what it has locked is told so, and may go on") {
  bridge b;
  async_mutex m;
  const auto twice = [&]() -> task<> {
    const auto lock = co_await m.lock();
    co_await delay(0ms);
    co_await lock_shortly(m);
  };
  CHECK_THROWS_WITH_AS(
      b.call_for(generous, twice),
      doctest::Contains("this task locks an async_mutex that it has locked itself"),
      would_deadlock);
  const auto at_once = [&]() -> task<> {
    const auto lock = co_await m.lock();
    co_await lock_shortly(m);
  };
  CHECK_THROWS_AS(b.call_for(generous, at_once), would_deadlock);
  b.call_for(generous, [&]() -> task<> {
    const auto lock = co_await m.lock();
    try {
      co_await lock_shortly(m);
      FAIL("it was locked twice");
    } catch (const would_deadlock&) {
    }
    co_await delay(0ms);
    CHECK(m.is_locked());
  });
  auto before = b.submit([&]() -> task<> {
    const auto lock = co_await m.lock();
    co_await delay(1ms);
  });
  CHECK_THROWS_AS(b.call_for(generous, at_once), would_deadlock);  // it was handed over
  CHECK_NOTHROW(before.get_for(generous));
  CHECK_NOTHROW(b.call_for(generous, [&] { return lock_shortly(m); }));
}

TEST_CASE("where nobody waits for such a task it is reported") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  async_mutex m;
  (void)b.submit([&]() -> task<> {
    const auto lock = co_await m.lock();
    co_await lock_shortly(m);
  });
  REQUIRE(log.wait_for(1));
  CHECK(support::holds<would_deadlock>(log.entries()[0].error));
  CHECK_NOTHROW(b.call_for(generous, [&] { return lock_shortly(m); }));
}

TEST_CASE("of two tasks that lock two mutexes in different orders one ends, and one goes on") {
  bridge b;
  async_mutex one;
  async_mutex two;
  int holding = 0;
  const auto both = [&](async_mutex& first, async_mutex& second) -> task<> {
    const auto lock = co_await first.lock();
    ++holding;
    while (holding < 2) co_await delay(1ms);
    const auto other = co_await second.lock();
  };
  auto up = b.submit([&] { return both(one, two); });
  auto down = b.submit([&] { return both(two, one); });
  const auto ends = [](auto& task) {
    try {
      task.get_for(generous);
      return false;
    } catch (const would_deadlock&) {
      return true;
    }
  };
  const bool up_ends = ends(up);
  CHECK(ends(down) != up_ends);
}

TEST_CASE(
    "a task that awaits, with the lock, a call that needs it is found, whichever waits last") {
  bridge b;
  bridge other;
  async_mutex m;
  const auto by_a_call = [&]() -> task<> {
    const auto lock = co_await m.lock();
    const auto shortly = [&] { return lock_shortly(m); };
    co_await b.submit(shortly);
  };
  CHECK_THROWS_AS(b.call_for(generous, by_a_call), would_deadlock);
  const auto awaited_later = [&]() -> task<> {
    const auto lock = co_await m.lock();
    const auto shortly = [&] { return lock_shortly(m); };
    auto e = b.submit(shortly);
    co_await delay(1ms);  // it waits for the lock already
    co_await std::move(e);
  };
  CHECK_THROWS_AS(b.call_for(generous, awaited_later), would_deadlock);
  const auto by_another_loop = [&]() -> task<> {
    const auto lock = co_await m.lock();
    const auto there = [&]() -> task<> {
      const auto shortly = [&] { return lock_shortly(m); };
      co_await b.submit(shortly);
    };
    co_await other.submit(there);
  };
  CHECK_THROWS_AS(b.call_for(generous, by_another_loop), would_deadlock);
  CHECK_NOTHROW(b.call_for(generous, [&] { return lock_shortly(m); }));
}

TEST_CASE(
    "a loop whose thread waits for a task that waits for a lock held for that loop is found") {
  bridge b;
  bridge other;
  async_mutex m;
  auto holder = b.submit([&]() -> task<> {
    const auto lock = co_await m.lock();
    co_await delay(1ms);
    co_await other.submit([] {});  // whose thread waits for the lock, below
  });
  other.call_for(generous, [&] {
    try {
      b.call([&] { return lock_shortly(m); });
    } catch (const would_deadlock&) {
    }
  });
  // One of the waits was refused. Which one depends on which came last.
  REQUIRE(holder.wait_for(generous));
  (void)holder.error();
  CHECK_NOTHROW(b.call_for(generous, [&] { return lock_shortly(m); }));
}

TEST_CASE("waits that end are not refused") {
  bridge b;
  async_mutex m;
  bridge other;
  const auto query = [&]() -> task<int> {
    const auto lock = co_await m.lock();
    co_return co_await other.submit([] { return 1; });
  };
  std::vector<eventual<int>> all;
  for (int n = 0; n < 100; ++n) all.push_back(b.submit(query));
  for (auto& e : all) CHECK(e.get_for(generous) == 1);
}
