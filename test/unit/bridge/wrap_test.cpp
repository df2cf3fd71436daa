// Functions that are wrapped once and then called like any other.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/in_child.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("wrap");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::eventual;
using loopbridge::loop_ref;
using loopbridge::options;
using loopbridge::wrap;
using loopbridge::wrap_blocking;
using support::generous;

namespace {

int twice(int n) {
  return 2 * n;
}

std::string where_am_i(loop_ref loop, std::string what) {
  return what + (loop.get() != nullptr ? " on the loop" : "");
}

deferred<std::string> later(std::string text) {
  completer<std::string> done;
  done.resolve(text + ", later");
  return done.get_deferred();
}

struct counter {
  int sum = 0;
  int add(int n) { return sum += n; }
  int get() const { return sum; }
};

}  // namespace

TEST_CASE("a wrapped function gives an eventual, and is called with its own arguments") {
  bridge b(support::with_each_doorbell());
  const auto submit_twice = wrap(b, twice);
  static_assert(std::is_same_v<decltype(submit_twice(1)), eventual<int>>);
  CHECK(submit_twice(21).get() == 42);
  CHECK(wrap(b, where_am_i)("here").get() == "here on the loop");
  CHECK(wrap(b, later)("yes").get() == "yes, later");
  CHECK(wrap(b, [](int l, int m, int n) { return l + m + n; })(1, 2, 3).get() == 6);
  CHECK(wrap(b, [](std::unique_ptr<int> n) { return *n; })(std::make_unique<int>(5)).get() == 5);
  wrap(b, [] {})().get();
}

TEST_CASE("arguments are kept by value, and references only where they are asked for") {
  bridge b;
  support::held_loop held(b);
  std::string text = "before";
  auto by_value = wrap(b, [](const std::string& s) { return s; })(text);
  text = "after";
  int n = 1;
  auto by_reference = wrap(b, [](int& target) { target = 2; })(std::ref(n));
  const char literal[] = "decays";
  auto decayed = wrap(b, [](std::string s) { return s; })(literal);
  held.release();
  CHECK(by_value.get() == "before");
  by_reference.get();
  CHECK(n == 2);
  CHECK(decayed.get() == "decays");
}

TEST_CASE("one that blocks gives what the function does, a value, a deferred's or an exception") {
  bridge b(support::with_each_doorbell());
  const auto call_twice = wrap_blocking(b, generous, twice);
  static_assert(std::is_same_v<decltype(call_twice(1)), int>);
  CHECK(call_twice(21) == 42);
  CHECK(wrap_blocking(b, generous, where_am_i)("here") == "here on the loop");
  CHECK(wrap_blocking(b, generous, later)("yes") == "yes, later");
  const auto fail = wrap_blocking(b, generous, [] { throw std::domain_error("no"); });
  CHECK_THROWS_WITH_AS(fail(), "no", std::domain_error);
  CHECK(wrap_blocking(b, std::chrono::hours::max(), twice)(1) == 2);
}

TEST_CASE("a member function is wrapped with its object, or called with it") {
  bridge b(support::with_each_doorbell());
  counter c;
  CHECK(wrap(b, std::bind_front(&counter::add, &c))(2).get() == 2);
  CHECK(wrap_blocking(b, generous, std::bind_front(&counter::add, &c))(3) == 5);
  CHECK(wrap(b, &counter::get)(&c).get() == 5);
  const auto shared = std::make_shared<counter>();
  CHECK(wrap_blocking(b, generous, std::bind_front(&counter::add, shared))(1) == 1);
  CHECK(wrap_blocking(b, generous, std::bind_front(&counter::add, std::ref(*shared), 6))() == 7);
}

TEST_CASE("the function as it was is there for tests of its own, on any thread") {
  bridge b;
  const auto add_to = [](std::vector<int>& to, int n) { to.push_back(n); };
  const auto submits = wrap(b, add_to);
  const auto blocks = wrap_blocking(b, generous, add_to);
  std::vector<int> here;
  submits.wrapped()(here, 1);
  blocks.wrapped()(here, 2);
  CHECK(here == std::vector{1, 2});
  CHECK((wrap(b, twice).wrapped() == &twice));
}

TEST_CASE("a wrapped coroutine is called like any other function") {
  bridge b;
  const auto twice_later = [](int n) -> loopbridge::task<int> {
    co_await loopbridge::delay(1ms);
    co_return 2 * n;
  };
  CHECK(wrap(b, twice_later)(3).get_for(generous) == 6);
  CHECK(wrap_blocking(b, generous, twice_later)(4) == 8);
  const auto never = [](std::string) -> loopbridge::task<> { co_await loopbridge::delay(1h); };
  CHECK_THROWS_AS(wrap_blocking(b, 1ms, never)("captured"), loopbridge::timed_out);
}

TEST_CASE("what takes too long is cancelled, and its late result is nobody's") {
  std::vector<completer<int>> never_resolved;  // of the loop's thread
  std::atomic<bool> cancelled{false};
  bridge b(support::with_each_doorbell());
  const auto never = wrap_blocking(b, 1ms, [&] {
    completer<int>& done = never_resolved.emplace_back();
    done.on_cancel([&cancelled] { cancelled = true; });
    return done.get_deferred();
  });
  const auto end = std::chrono::steady_clock::now() + generous;
  while (!cancelled && std::chrono::steady_clock::now() < end) {  // 1 ms may be over too early
    CHECK_THROWS_AS(never(), loopbridge::timed_out);
    b.call([] {});  // the hook has run
  }
  CHECK(cancelled);
  const support::held_loop held(b);
  bool ran = false;
  CHECK_THROWS_AS(wrap_blocking(b, 1ms, [&ran] { ran = true; })(), loopbridge::timed_out);
  CHECK_FALSE(ran);
}

TEST_CASE(
    "on the loop's own thread a wrapped function may submit, and one that blocks is an error") {
  bridge b;
  const auto submits = wrap(b, twice);
  const auto blocks = wrap_blocking(b, generous, twice);
  CHECK(b.call([&] { return submits(3); }) == 6);
  CHECK_THROWS_AS(b.call([&] { return blocks(3); }), loopbridge::would_deadlock);
}

TEST_CASE("several threads call the same wrapped function at once") {
  bridge b(support::with_each_doorbell());
  counter c;
  const auto add = wrap_blocking(b, generous, std::bind_front(&counter::add, &c));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&add]() noexcept {
        for (int n = 0; n < 500; ++n) add(1);
      });
    }
  }
  CHECK(c.sum == 2000);
}

TEST_CASE("a failure that nobody receives is reported with the place of the wrapping") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const auto lose = [](auto...) { throw std::runtime_error("lost"); };
  const unsigned line = __LINE__;
  const auto fails = wrap(b, lose);
  const auto fails_with_first = wrap(b, std::bind_front(lose, 1));
  const auto fails_elsewhere = wrap(b, lose, support::here);
  (void)fails();
  (void)fails_with_first(2);
  (void)fails_elsewhere();
  b.stop();
  REQUIRE(log.size() == 3);
  for (const auto& entry : log.entries()) CHECK(entry.what == "lost");
  CHECK(log.entries()[0].line == line + 1);
  CHECK(log.entries()[1].line == line + 2);
  CHECK(log.entries()[2].line == 7);
}

TEST_CASE("a wrapped call that is too late tells where it was wrapped, whatever its arguments") {
  bridge b;
  const support::held_loop held(b);
  const auto sum = [](int l, int m) { return l + m; };
  const auto add = wrap_blocking(b, 1ms, std::bind_front(sum, 1));
  const std::string here = "wrap_test.cpp:" + std::to_string(__LINE__ - 1);
  CHECK_THROWS_WITH_AS(add(2), doctest::Contains(here.c_str()), loopbridge::timed_out);
}

TEST_CASE("without a bridge it runs on the default one, made by the first call, in a child too" *
          doctest::skip(support::has_tsan)) {
  CHECK(support::in_child([] {
          const auto submits = wrap(twice);
          const auto blocks = wrap_blocking(generous, std::bind_front(&counter::get, counter{4}));
          if (support::in_child([&] { return submits(2).get(); }) != 4) return 1;  // the first
          if (submits(4).get() != 8 || blocks() != 4) return 2;
          return support::in_child([&] {
                   try {
                     (void)submits(1);
                     return 1;
                   } catch (const loopbridge::wrong_process&) {
                   }
                   loopbridge::restart_in_child();
                   return submits(1).get() == 2 ? 0 : 2;
                 }) == 0
                     ? 0
                     : 3;
        }) == 0);
}
