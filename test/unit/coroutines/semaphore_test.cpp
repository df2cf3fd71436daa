#include <doctest/doctest.h>

#include <loopbridge/coroutines/semaphore.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "faults/support/failing_memory.hpp"
#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("semaphore");

namespace {

using loopbridge::bridge;
using loopbridge::delay;
using loopbridge::eventual;
using loopbridge::semaphore;
using loopbridge::task;
using support::generous;

/// Acquires, and notes its number.
task<> take(semaphore& s, std::vector<int>& order, int number) {
  const auto permit = co_await s.acquire();
  order.push_back(number);
}

}  // namespace

TEST_CASE("never more tasks have permits than there are, and all get one in the end") {
  bridge b;
  semaphore s(5);
  int inside = 0;
  int most = 0;
  const auto work = [&]() -> task<> {
    const auto permit = co_await s.acquire();
    most = std::max(most, ++inside);
    co_await delay(std::chrono::milliseconds(1));
    --inside;
  };
  std::vector<eventual<void>> all;
  for (int n = 0; n < 50; ++n) all.push_back(b.submit(work));
  for (auto& e : all) e.get_for(generous);
  CHECK(most == 5);
  CHECK(b.call([&] { return s.available(); }) == 5);
}

TEST_CASE("waiters are served first come, first served, and nobody overtakes them") {
  bridge b;
  semaphore s(1);
  std::vector<int> order;
  semaphore::permit held;
  b.call([&] { held = s.try_acquire(); });
  std::vector<eventual<void>> all;
  for (int n = 0; n < 5; ++n) all.push_back(b.submit([&, n] { return take(s, order, n); }));
  b.call([&] {
    held.release();
    // The first waiter has the permit, though it has not gone on yet.
    CHECK_FALSE(s.try_acquire());
    all.push_back(b.submit([&] { return take(s, order, 5); }));
  });
  for (auto& e : all) e.get_for(generous);
  CHECK(order == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a waiter that is cancelled leaves the queue, wherever it stands") {
  for (const std::size_t which : {0u, 1u, 2u}) {
    bridge b;
    semaphore s(1);
    std::vector<int> order;
    semaphore::permit held;
    b.call([&] { held = s.try_acquire(); });
    std::vector<eventual<void>> all;
    for (int n = 0; n < 3; ++n) all.push_back(b.submit([&, n] { return take(s, order, n); }));
    b.call([] {});
    CHECK(all[which].cancel());
    CHECK_THROWS_AS(all[which].get_for(generous), loopbridge::cancelled);
    b.call([] {});
    b.call([&] { held.release(); });
    std::vector<int> left;
    for (std::size_t n = 0; n < 3; ++n) {
      if (n == which) continue;
      all[n].get_for(generous);
      left.push_back(static_cast<int>(n));
    }
    CHECK(order == left);
    CHECK(b.call([&] { return s.available(); }) == 1);
  }
}

TEST_CASE("a task that is cancelled in the moment it is given a permit passes it on") {
  for (const bool cancelled_first : {true, false}) {
    bridge b;
    semaphore s(1);
    std::vector<int> order;
    semaphore::permit held;
    b.call([&] { held = s.try_acquire(); });
    auto first = b.submit([&]() -> task<> {
      const auto permit = co_await s.acquire();
      order.push_back(0);
      co_await delay(std::chrono::hours(1));
    });
    auto second = b.submit([&] { return take(s, order, 1); });
    b.call([] {});
    b.call([&] {
      // What the loop does for the two follows in this order.
      if (cancelled_first) CHECK(first.cancel());
      held.release();
      if (!cancelled_first) CHECK(first.cancel());
    });
    second.get_for(generous);
    // Cancelled first, it must not go on as if it had not been.
    CHECK(order == (cancelled_first ? std::vector{1} : std::vector{0, 1}));
    CHECK(b.call([&] { return s.available(); }) == 1);
  }
}

TEST_CASE("when it is destroyed the waiters end as broken, and a permit that is out is harmless") {
  bridge b;
  auto s = std::make_unique<semaphore>(1);
  semaphore::permit held;
  b.call([&] { held = s->try_acquire(); });
  std::vector<int> order;
  std::vector<eventual<void>> all;
  for (int n = 0; n < 3; ++n) all.push_back(b.submit([&, n] { return take(*s, order, n); }));
  b.call([] {});
  b.call([&] { s.reset(); });
  for (auto& e : all) {
    CHECK_THROWS_WITH_AS(e.get_for(generous), doctest::Contains("this semaphore was destroyed"),
                         loopbridge::broken);
  }
  b.call([&] { held.release(); });
  CHECK(order.empty());
}

TEST_CASE("when the bridge stops its waiters end, and what they were given comes back") {
  support::counts counts;
  const support::error_log log;
  semaphore s(2);
  std::vector<eventual<void>> all;
  {
    bridge b(support::reporting_to(log));
    const auto work = [&, t = std::make_shared<support::token>(counts)]() -> task<> {
      const auto permit = co_await s.acquire();
      co_await delay(std::chrono::hours(1));
    };
    for (int n = 0; n < 10; ++n) all.push_back(b.submit(work));
    b.call([] {});
    CHECK(b.call([&] { return s.available(); }) == 0);
  }
  for (auto& e : all) CHECK_THROWS_AS(e.get_for(generous), loopbridge::bridge_stopped);
  CHECK(counts.alive() == 0);
  CHECK(s.available() == 2);
  CHECK(log.size() == 0);
  // It serves another loop then.
  bridge next;
  next.call([&]() -> task<> { const auto permit = co_await s.acquire(); });
}

TEST_CASE("a permit may be passed on, and released early") {
  bridge b;
  semaphore s(1);
  const auto get = [&]() -> task<semaphore::permit> { co_return co_await s.acquire(); };
  b.call([&]() -> task<> {
    semaphore::permit p = co_await get();
    CHECK(p);
    CHECK(s.available() == 0);
    semaphore::permit q = std::move(p);
    CHECK_FALSE(p);
    p = std::move(q);
    p.release();
    CHECK_FALSE(p);
    CHECK(s.available() == 1);
    p.release();
    CHECK(s.available() == 1);
  });
}

TEST_CASE("a cancelled task gets no permit, also where one is free") {
  bridge b;
  semaphore s(1);
  std::optional<bool> refused;
  auto answer = b.submit([&]() -> task<> {
    try {
      co_await delay(std::chrono::hours(1));
    } catch (const loopbridge::cancelled&) {
    }
    try {
      const auto permit = co_await s.acquire();
      refused = false;
    } catch (const loopbridge::cancelled&) {
      refused = true;
    }
  });
  b.call([] {});
  answer.cancel();
  b.call([] {});
  CHECK(refused == true);
  CHECK(b.call([&] { return s.available(); }) == 1);
}

TEST_CASE("tasks of another loop are told that it is not theirs") {
  bridge one;
  bridge two;
  semaphore s(2);
  std::optional<semaphore::permit> held;
  one.call([&]() -> task<> { held.emplace(co_await s.acquire()); });
  const auto acquire = [&]() -> task<> { const auto permit = co_await s.acquire(); };
  CHECK_THROWS_WITH_AS(two.call(acquire), doctest::Contains("await a call there"),
                       std::logic_error);
  one.call([&] { held.reset(); });
  CHECK_NOTHROW(two.call(acquire));
}

TEST_CASE("a semaphore without permits is refused") {
  CHECK_THROWS_AS(semaphore(0), std::invalid_argument);
}

TEST_CASE("waits take no memory") {
  bridge b;
  semaphore s(1);
  int turns = 0;
  bool failed = true;
  const auto take_turns = [&]() -> task<> {
    for (int n = 0; n < 100; ++n) {
      const auto permit = co_await s.acquire();
      if (++turns == 20) support::memory::fail(1, true);
      if (turns == 180) failed = support::memory::recover();
    }
  };
  std::vector<eventual<void>> all;
  {
    semaphore::permit held;
    b.call([&] {
      held = s.try_acquire();
      for (int n = 0; n < 2; ++n) all.push_back(b.submit(take_turns));
    });
    b.call([] {});
    b.call([&] { held.release(); });
  }
  for (auto& e : all) e.get_for(generous);
  CHECK(turns == 200);
  CHECK_FALSE(failed);
}
