#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("submit");

using loopbridge::bridge;
using loopbridge::eventual;
using loopbridge::loop_ref;
using support::generous;

TEST_CASE("the eventual is of what the callable returns") {
  bridge b;
  static int number = 4;
  auto value = b.submit([] { return 1; });
  auto nothing = b.submit([] {});
  auto reference = b.submit([]() -> int& { return number; });
  auto constant = b.submit([]() -> const std::string { return "c"; });
  auto later = b.submit([] {
    loopbridge::completer<std::string> done;
    auto answer = done.get_deferred();
    done.resolve("later");
    return answer;
  });
  static_assert(std::is_same_v<decltype(value), eventual<int>>);
  static_assert(std::is_same_v<decltype(nothing), eventual<void>>);
  static_assert(std::is_same_v<decltype(reference), eventual<int&>>);
  static_assert(std::is_same_v<decltype(constant), eventual<std::string>>);
  static_assert(std::is_same_v<decltype(later), eventual<std::string>>);
  CHECK(value.get_for(generous) == 1);
  CHECK_NOTHROW(nothing.get_for(generous));
  CHECK(&reference.get_for(generous) == &number);
  CHECK(constant.get_for(generous) == "c");
  CHECK(later.get_for(generous) == "later");
}

TEST_CASE("submit returns at once, and the call runs on the loop") {
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  auto answer = b.submit([&] { return b.on_loop_thread(); });
  CHECK_FALSE(answer.ready());
  held.reset();
  CHECK(answer.get_for(generous) == true);
}

TEST_CASE("what it captures is kept until the call") {
  bridge b;
  std::optional<support::held_loop> held(std::in_place, b);
  std::string text = "before";
  auto copied = b.submit([text] { return text; });
  auto referred = b.submit([&text] { return text; });
  auto moved = b.submit([p = std::make_unique<int>(5)](loop_ref) mutable { return std::move(p); });
  text = "after";
  held.reset();
  CHECK(copied.get_for(generous) == "before");
  CHECK(referred.get_for(generous) == "after");
  CHECK(*std::move(moved).get_for(generous) == 5);
}

TEST_CASE("submitted and posted calls of one thread run in one order") {
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  std::vector<int> ran;
  auto first = b.submit([&] { ran.push_back(1); });
  b.post([&] { ran.push_back(2); });
  REQUIRE(b.post_reentrant([](std::vector<int>* r) { r->push_back(3); }, &ran) ==
          loopbridge::status::accepted);
  auto last = b.submit([&] { ran.push_back(4); });
  held.reset();
  last.get_for(generous);
  CHECK(ran == std::vector{1, 2, 3, 4});
  CHECK(first.ready());
}

TEST_CASE("the callable is destroyed on the loop before the result is announced") {
  bridge b(support::with_each_doorbell());
  const auto loop_thread = b.call_for(generous, [] { return std::this_thread::get_id(); });
  for (int i = 0; i < 50; ++i) {
    support::counts counts;
    auto answer = b.submit([t = support::token(counts)] {});
    REQUIRE(answer.wait_for(generous));
    REQUIRE(counts.destroyed == 1);
    REQUIRE(counts.destroyed_on.load() == loop_thread);
  }
  support::counts counts;
  auto fails = b.submit([t = support::token(counts)] { throw 1; });
  CHECK_THROWS_AS(fails.get_for(generous), int);
  CHECK(counts.alive() == 0);
}

TEST_CASE("a callable that returns a deferred is destroyed before that is resolved") {
  bridge b;
  support::counts counts;
  loopbridge::completer<int> done;
  auto answer = b.submit(
      [d = done.get_deferred(), t = support::token(counts)]() mutable { return std::move(d); });
  support::catch_up(b);
  CHECK(counts.alive() == 0);
  CHECK(done.resolve(1));
  CHECK(answer.get_for(generous) == 1);
}

TEST_CASE("a refused callable is destroyed once, by the thread that submits it") {
  bridge b(support::with_each_doorbell());
  b.stop();
  support::counts counts;
  CHECK_THROWS_AS((void)b.submit([t = support::token(counts)] {}), loopbridge::bridge_stopped);
  CHECK(counts.made == 1);
  CHECK(counts.destroyed == 1);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
}

TEST_CASE("what a submitted call did is seen by its waiter") {
  bridge b(support::with_each_doorbell());
  std::vector<int> data;
  for (int i = 0; i < 200; ++i) {
    b.submit([&, i] { data.push_back(i); }).get_for(generous);
    REQUIRE(data.back() == i);
  }
}

TEST_CASE("threads that submit at once each get their own answer") {
  bridge b(support::with_each_doorbell());
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t]() noexcept {
      for (int i = 0; i < 500; ++i) {
        const int n = t * 1000 + i;
        if (b.submit([n] { return n; }).get_for(generous) == n) ++right;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(right == 2000);
}
