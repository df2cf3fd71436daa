#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/uv/delay.hpp>
#include <mutex>
#include <string_view>
#include <vector>

#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

// A combination owns its parts; and cancel() runs nothing but the destructor of what it cancels.

TEST_SUITE_BEGIN("combination_cancel");

namespace {

using loopbridge::bridge;
using loopbridge::cancelled;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using loopbridge::when_all;
using loopbridge::when_any;
using support::generous;

/// Every combination of two calls, of which the first is given.
template <class Check>
void for_each_combination(bridge& b, const Check& check) {
  const auto plain = [&] { return b.submit([] { return 1; }); };
  check("then", [&](eventual<int> e) { return std::move(e).then([](int) {}); });
  check("then, with the eventual",
        [&](eventual<int> e) { return std::move(e).then([](eventual<int>) {}); });
  check("then on an executor", [&](eventual<int> e) { return std::move(e).then(b, [](int) {}); });
  check("when_all", [&](eventual<int> e) { return when_all(std::move(e), plain()); });
  check("when_any", [&](eventual<int> e) { return when_any(std::move(e), plain()); });
  check("when_all of a vector", [&](eventual<int> e) {
    std::vector<eventual<int>> all;
    all.push_back(plain());
    all.push_back(std::move(e));
    return when_all(std::move(all));
  });
  check("a combination of combinations", [&](eventual<int> e) {
    return when_all(std::move(e).then([](int n) { return n; }), plain()).then([](auto) {});
  });
}

}  // namespace

TEST_CASE("a combination that is cancelled before it began cancels its parts, which never run") {
  bridge b;
  for_each_combination(b, [&](const char* name, const auto& combine) {
    CAPTURE(name);
    const support::held_loop held(b);
    bool ran = false;
    support::counts counts;
    auto whole = combine(b.submit([&, t = support::token(counts)] {
      ran = true;
      return 1;
    }));
    CHECK(whole.cancel());
    CHECK(counts.alive() == 0);  // its callable is gone, here
    CHECK_THROWS_AS(whole.get(), cancelled);
    held.release();
    support::catch_up(b);
    CHECK_FALSE(ran);
  });
}

TEST_CASE("a combination that waits cancels the parts that wait") {
  bridge b;
  for_each_combination(b, [&](const char* name, const auto& combine) {
    if (std::string_view(name) == "when_any") return;  // the other part is first
    CAPTURE(name);
    completer<int> never;
    support::gate hook_ran;
    auto part = b.submit([&] {
      never.on_cancel([=] { hook_ran.open(); });
      return never.get_deferred();
    });
    auto whole = combine(std::move(part));
    support::catch_up(b);
    CHECK(whole.cancel());
    CHECK(hook_ran.wait());
  });
}

TEST_CASE(
    "a part that runs as its combination is cancelled ends, and what it returns is cancelled") {
  bridge b;
  support::gate running;
  support::gate go_on;
  support::gate hook_ran;
  completer<int> never;
  auto whole = b.submit([&, d = never.get_deferred()]() mutable {
                  running.open();
                  (void)go_on.wait();
                  never.on_cancel([=] { hook_ran.open(); });
                  return std::move(d);
                }).then([](int) {});
  REQUIRE(running.wait());
  CHECK(whole.cancel());
  go_on.open();
  CHECK(hook_ran.wait());
}

TEST_CASE("a combination whose function's own answer is waited for cancels that") {
  bridge b;
  bridge other;
  completer<int> never;
  support::gate began;
  support::gate hook_ran;
  const auto wait = [&] {
    never.on_cancel([=] { hook_ran.open(); });
    began.open();
    return never.get_deferred();
  };
  eventual<int> whole;
  SUBCASE("a deferred") {
    whole = b.submit([] {}).then(wait);
  }
  SUBCASE("an eventual") {
    whole = b.submit([] {}).then([&] { return other.submit(wait); });
  }
  SUBCASE("a task") {
    whole = b.submit([] {}).then([&]() -> task<int> { co_return co_await wait(); });
  }
  REQUIRE(began.wait());
  support::catch_up(other);
  support::catch_up(b);
  CHECK(whole.cancel());
  CHECK(hook_ran.wait());
}

TEST_CASE("a cancelled when_all of several bridges cancels the parts on each") {
  bridge a;
  bridge b;
  const support::held_loop held(b);
  bool ran = false;
  auto queued = b.submit([&] {
    ran = true;
    return 1;
  });
  auto whole = when_all(a.submit([] { return 1; }), std::move(queued));
  support::catch_up(a);  // it waits, for b
  CHECK(whole.cancel());
  support::catch_up(a);
  held.release();
  support::catch_up(b);
  CHECK_FALSE(ran);
}

TEST_CASE(
    "cancel() on the loop runs no hook, no continuation and no task, and its handle is ready") {
  bridge b;
  std::mutex users_lock;
  completer<int> never;
  completer<int> nor_that;
  int hooks = 0;
  std::atomic<int> tasks_ended = 0;
  auto waits = b.submit([&] {
    never.on_cancel([&] {
      const std::lock_guard lock(users_lock);  // held by the canceller
      ++hooks;
    });
    return never.get_deferred();
  });
  struct at_end {
    std::atomic<int>& ended;
    ~at_end() { ++ended; }
  };
  auto awaits = b.submit([&]() -> task<int> {
    const at_end tell{tasks_ended};
    co_return co_await nor_that.get_deferred();
  });
  auto sleeps = b.submit([&]() -> task<> {
    const at_end tell{tasks_ended};
    co_await loopbridge::delay(std::chrono::hours(1));
  });
  auto continued = b.submit([] { return 1; }).then([&](int) -> task<int> {
    const at_end tell{tasks_ended};
    co_await loopbridge::delay(std::chrono::hours(1));
    co_return 1;
  });
  support::catch_up(b);
  b.call([&] {
    const std::lock_guard lock(users_lock);
    CHECK(waits.cancel());
    CHECK(awaits.cancel());
    CHECK(sleeps.cancel());
    CHECK(continued.cancel());
    CHECK(hooks == 0);
    CHECK(tasks_ended == 0);
    CHECK_THROWS_AS(waits.get(), cancelled);
    CHECK_THROWS_AS(awaits.get(), cancelled);
    CHECK_THROWS_AS(sleeps.get(), cancelled);
    CHECK_THROWS_AS(continued.get(), cancelled);
  });
  CHECK(support::comes_true([&] { return tasks_ended == 3; }));
  CHECK(support::comes_true([&] {
    const std::lock_guard lock(users_lock);
    return hooks == 1;
  }));
}

TEST_CASE("a hook that cancels the next call, whose hook cancels the next, takes no stack") {
  bridge b;
  constexpr int calls = 100'000;
  std::vector<completer<int>> completers(calls);
  std::vector<eventual<int>> waits;
  waits.reserve(calls);
  int hooks = 0;
  for (int n = 0; n < calls; ++n) {
    waits.push_back(b.submit([&, n] {
      completers[static_cast<std::size_t>(n)].on_cancel([&, n] {
        ++hooks;
        if (n + 1 < calls) waits[static_cast<std::size_t>(n) + 1].cancel();
      });
      return completers[static_cast<std::size_t>(n)].get_deferred();
    }));
  }
  support::catch_up(b);
  CHECK(waits[0].cancel());
  CHECK(support::comes_true([&] { return waits.back().ready(); }));
  b.stop();
  CHECK(hooks == calls);
}
