// A callable that returns an eventual: the call ends with what that ends with.
#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/delay.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("returned_eventual");

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using support::generous;

TEST_CASE("its value, or its failure, is the call's, whether it is there already or comes later") {
  bridge a;
  bridge b;
  auto later = a.submit([&] { return b.submit([] { return std::string("of b"); }); });
  static_assert(std::is_same_v<decltype(later), eventual<std::string>>);
  CHECK(later.get_for(generous) == "of b");
  CHECK(a.call([&] { return a.submit([] { return 3; }); }) == 3);
  CHECK(a.call_for(generous, [&] { return b.submit([] { return 4; }); }) == 4);
  auto there = b.submit([] { return 5; });
  REQUIRE(there.wait_for(generous));
  CHECK(a.call([&] { return std::move(there); }) == 5);
  CHECK_NOTHROW(a.call([&] { return b.submit([] {}); }));
  static int number = 6;
  CHECK(&a.call([&] { return b.submit([]() -> int& { return number; }); }) == &number);
  CHECK_THROWS_WITH_AS(a.call([&] { return b.submit([] { throw std::runtime_error("in b"); }); }),
                       "in b", std::runtime_error);
  CHECK_THROWS_AS(a.call([] { return eventual<int>(); }), loopbridge::no_state);
  const auto twice = [&] { return a.submit([&] { return b.submit([] { return 7; }); }); };
  CHECK(b.call(twice) == 7);
}

TEST_CASE("as with then(): wrapped, delayed and repeated calls, and in a task") {
  bridge a;
  bridge b;
  const auto ask = [&] { return b.submit([] { return 2; }); };
  CHECK(loopbridge::wrap(a, ask)().get_for(generous) == 2);
  CHECK(loopbridge::submit_after(a, std::chrono::milliseconds(0), ask).get_for(generous) == 2);
  CHECK(a.submit([] { return 1; }).then([&](int) { return ask(); }).get_for(generous) == 2);
  CHECK(a.call([&]() -> task<int> { co_return co_await a.submit(ask); }) == 2);
}

TEST_CASE("cancelling the call cancels what it has returned") {
  bridge a;
  bridge b;
  bool hook_ran = false;
  completer<int> done;
  auto whole = a.submit([&] {
    return b.submit([&] {
      done.on_cancel([&] { hook_ran = true; });
      return done.get_deferred();
    });
  });
  a.call([] {});
  b.call([] {});
  CHECK(whole.cancel());
  CHECK_THROWS_AS(whole.get_for(generous), loopbridge::cancelled);
  a.call([] {});
  b.call([] {});
  CHECK(hook_ran);
  CHECK_FALSE(done.resolve(1));
}

TEST_CASE("an answer that comes as the call is cancelled is harmless") {
  bridge a;
  bridge b;
  for (int n = 0; n < 300; ++n) {
    auto whole = a.submit([&] { return b.submit([] { return 1; }); });
    if (n % 2 == 0) a.call([] {});
    const bool cancelled = whole.cancel();
    REQUIRE(whole.wait_for(generous));
    if (cancelled) {
      CHECK_THROWS_AS(whole.get(), loopbridge::cancelled);
    } else if (whole.error() == nullptr) {
      CHECK(whole.get() == 1);
    }
  }
}

TEST_CASE("when either bridge stops the waiter is released, and nothing is left behind") {
  const support::error_log log;
  support::counts counts;
  const support::gate gate;
  bridge b(support::reporting_to(log));
  eventual<bool> whole;
  {
    bridge a(support::reporting_to(log));
    whole = a.submit([&, t = support::token(counts)]() mutable {
      return b.submit([&gate, u = std::move(t)] { return gate.wait(); });
    });
    a.call([] {});
  }
  CHECK_THROWS_AS(whole.get_for(generous), loopbridge::bridge_stopped);
  gate.open();
  b.call([] {});
  CHECK(counts.alive() == 0);

  bridge a(support::reporting_to(log));
  completer<int> never;
  eventual<int> of_b;
  {
    bridge c;
    of_b = a.submit([&] { return c.submit([&] { return never.get_deferred(); }); });
    a.call([] {});
    c.call([] {});
  }
  CHECK_THROWS_AS(of_b.get_for(generous), loopbridge::bridge_stopped);
  CHECK(log.size() == 0);
}

TEST_CASE("a failure that nobody reads is reported once, with the call's place") {
  const support::error_log log;
  bridge a(support::reporting_to(log));
  bridge b(support::reporting_to(log));
  (void)a.submit([&] { return b.submit([] { throw std::runtime_error("unheard"); }); });
  REQUIRE(log.wait_for(1));
  a.call([] {});
  b.call([] {});
  a.call([] {});
  CHECK(log.size() == 1);
  CHECK(log.entries()[0].what == "unheard");
}

TEST_CASE("a circle through it is found: a loop waits for a call that waits for that loop") {
  bridge a;
  bridge b;
  CHECK_THROWS_AS(b.call_for(generous, [&] { a.call([&] { return b.submit([] { return 1; }); }); }),
                  loopbridge::would_deadlock);
}
