#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/memory.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("when");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using loopbridge::when_all;
using loopbridge::when_any;
using support::generous;

int throws() {
  throw std::runtime_error("that one");
}

/// A call that waits until it is cancelled, and says so.
eventual<int> endless(bridge& b, completer<int>& c, bool& was_cancelled) {
  return b.submit([&] {
    c.on_cancel([&] { was_cancelled = true; });
    return c.get_deferred();
  });
}

}  // namespace

TEST_CASE("when_any of several types gives a variant, whose index is that of the first") {
  bridge b;
  const auto of = [&](std::size_t which) {
    completer<int> number;
    completer<std::string> text;
    completer<void> nothing;
    completer<int> again;
    auto first = when_any(b.submit([&] { return number.get_deferred(); }),
                          b.submit([&] { return text.get_deferred(); }),
                          b.submit([&] { return nothing.get_deferred(); }),
                          b.submit([&] { return again.get_deferred(); }));
    static_assert(std::is_same_v<decltype(first),
                                 eventual<std::variant<int, std::string, std::monostate, int>>>);
    b.call([] {});
    if (which == 0) number.resolve(1);
    if (which == 1) text.resolve("two");
    if (which == 2) nothing.resolve();
    if (which == 3) again.resolve(4);
    auto got = first.get_for(generous);
    b.call([] {});
    // The others are cancelled.
    CHECK(number.is_cancelled() == (which != 0));
    CHECK(text.is_cancelled() == (which != 1));
    CHECK(nothing.is_cancelled() == (which != 2));
    CHECK(again.is_cancelled() == (which != 3));
    return got;
  };
  CHECK(std::get<0>(of(0)) == 1);
  CHECK(std::get<1>(of(1)) == "two");
  CHECK(of(2).index() == 2);
  CHECK(std::get<3>(of(3)) == 4);
  auto fails = when_any(b.submit(throws),
                        b.submit([&]() -> task<> { co_await completer<void>().get_deferred(); }));
  CHECK_THROWS_AS(fails.get_for(generous), std::runtime_error);
}

TEST_CASE("when_all gives the values of calls of several bridges, in the order given") {
  bridge a;
  bridge b;
  const auto [n, text, nothing] =
      when_all(a.submit([] { return 1; }), b.submit([] { return std::string("two"); }),
               a.submit([] {}))
          .get_for(generous);
  CHECK(n == 1);
  CHECK(text == "two");
  CHECK(nothing == std::monostate{});
  std::vector<eventual<int>> many;
  for (int i = 0; i < 100; ++i) many.push_back((i % 2 ? a : b).submit([i] { return i; }));
  const auto values = when_all(std::move(many)).get_for(generous);
  REQUIRE(values.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
  std::vector<eventual<void>> done;
  done.push_back(a.submit([] {}));
  when_all(std::move(done)).get_for(generous);
}

TEST_CASE("when_all ends with the first failure, at once, and cancels the others") {
  bridge a;
  bridge b;
  completer<int> never;
  bool was_cancelled = false;
  auto slow = endless(a, never, was_cancelled);
  auto all = when_all(std::move(slow), b.submit(throws));
  CHECK_THROWS_WITH_AS(all.get_for(generous), "that one", std::runtime_error);
  a.call([] {});
  CHECK(was_cancelled);
}

TEST_CASE("when_any gives the first that ends, its value or its failure, and cancels the others") {
  bridge a;
  bridge b;
  for (const bool fails : {false, true}) {
    completer<int> never;
    bool was_cancelled = false;
    auto slow = endless(a, never, was_cancelled);
    auto any = when_any(std::move(slow), b.submit([fails] { return fails ? throws() : 8; }));
    if (fails) {
      CHECK_THROWS_WITH_AS(any.get_for(generous), "that one", std::runtime_error);
    } else {
      const auto first = any.get_for(generous);
      CHECK(first.index == 1);
      CHECK(first.value == 8);
    }
    a.call([] {});
    CHECK(was_cancelled);
  }
  CHECK(when_any(a.submit([] {}), a.submit([] {})).get_for(generous).index <= 1);
}

TEST_CASE("cancelling the whole cancels all its parts") {
  bridge a;
  bridge b;
  completer<int> first;
  completer<int> second;
  bool first_cancelled = false;
  bool second_cancelled = false;
  auto one = endless(a, first, first_cancelled);
  auto two = endless(b, second, second_cancelled);
  auto all = when_all(std::move(one), std::move(two));
  a.call([] {});
  b.call([] {});
  CHECK(all.cancel());
  CHECK_THROWS_AS(all.get_for(generous), loopbridge::cancelled);
  a.call([] {});
  a.call([] {});
  b.call([] {});
  CHECK(first_cancelled);
  CHECK(second_cancelled);
}

TEST_CASE("when the bridge stops on which they are gathered, so do they") {
  bridge other;
  completer<int> never;
  bool was_cancelled = false;
  auto slow = endless(other, never, was_cancelled);
  eventual<std::tuple<int, int>> all;
  {
    bridge b;
    all = when_all(b.submit([] { return 1; }), std::move(slow));
    b.call([] {});
    other.call([] {});
  }
  CHECK_THROWS_AS(all.get_for(generous), loopbridge::bridge_stopped);
  other.call([] {});
  CHECK(was_cancelled);
}

TEST_CASE("a stop that ends the whole and its parts is told once, to the waiter for the whole") {
  const support::error_log log;
  completer<int> never;
  completer<int> nor_that;
  bridge other(reporting_to(log));
  eventual<std::string> all;
  {
    bridge b(reporting_to(log));
    auto one = b.submit([&] { return never.get_deferred(); });
    auto two = other.submit([&] { return nor_that.get_deferred(); });
    auto both = when_all(std::move(one), std::move(two));
    all = std::move(both).then([](std::tuple<int, int>) { return std::string(); });
    b.call([] {});
    b.post([&] {  // so that the other's end and this one's meet
      other.stop();
      b.stop();
    });
  }
  CHECK_THROWS_WITH_AS(all.get_for(generous), doctest::Contains("when_test.cpp"),
                       loopbridge::bridge_stopped);
  CHECK(log.size() == 0);
}

TEST_CASE("a task awaits several calls at once") {
  bridge a;
  bridge b;
  CHECK(a.call_for(generous, [&]() -> task<int> {
    auto [x, y] = co_await when_all(a.submit([] { return 1; }), b.submit([] { return 2; }));
    co_return x + y;
  }) == 3);
}

TEST_CASE("nothing to wait for, and an empty eventual, are errors that say so") {
  bridge b;
  CHECK_THROWS_AS((void)when_all(std::vector<eventual<int>>()), std::invalid_argument);
  CHECK_THROWS_AS((void)when_any(std::vector<eventual<int>>()), std::invalid_argument);
  CHECK_THROWS_AS((void)when_all(b.submit([] {}), eventual<int>()), loopbridge::no_state);
  CHECK_THROWS_AS((void)when_any(eventual<int>()), loopbridge::no_state);
}

TEST_CASE("an eventual that is given twice fails the whole, and what was made for that is freed") {
  support::counting_memory memory;
  {
    loopbridge::options own;
    own.memory = &memory;
    bridge b(own);
    auto e = b.submit([] { return 1; });
    CHECK_THROWS_AS(when_all(std::move(e), std::move(e)).get_for(generous), loopbridge::no_state);
  }
  CHECK(memory.bytes_in_use() == 0);
}
