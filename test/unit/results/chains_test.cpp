#include <doctest/doctest.h>

#include <cstdlib>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <stdexcept>
#include <thread>
#include <tuple>

#include "support/app_loop.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

// A million links, each way, in the stack of a thread: where an end led to the next one by a call,
// any of these would overflow it.

TEST_SUITE_BEGIN("chains");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using loopbridge::when_all;
using loopbridge::when_any;
using support::generous;

/// Enough to overflow a stack of 8 MiB with frames of 100 bytes (those of sanitizers, which are
/// slow, are larger). A million, in the suite `long`.
const int links = std::getenv("CHAIN_LINKS")               ? std::atoi(std::getenv("CHAIN_LINKS"))
                  : support::has_tsan || support::has_asan ? 30'000
                                                           : 100'000;

using extend = eventual<int> (*)(eventual<int>&&);

eventual<int> by_then(eventual<int>&& e) {
  return std::move(e).then([](int n) { return n + 1; });
}
eventual<int> by_a_late_answer(eventual<int>&& e) {
  return std::move(e).then([](int n) {
    completer<int> c;
    auto d = c.get_deferred();
    c.resolve(n + 1);
    return d;
  });
}
eventual<int> by_when_any(eventual<int>&& e) {
  return when_any(std::move(e)).then([](loopbridge::first_result<int> r) { return r.value + 1; });
}
eventual<int> by_when_all(eventual<int>&& e) {
  return when_all(std::move(e)).then([](std::tuple<int> r) { return std::get<0>(r) + 1; });
}

/// A chain of calls, each of which waits for the one before.
eventual<int> chain_of(eventual<int> e, extend next) {
  for (int n = 0; n < links; ++n) e = next(std::move(e));
  return e;
}

task<int> awaiting(eventual<int> e) {
  co_return co_await std::move(e) + 1;
}
task<int> nested(int depth, eventual<int> e) {
  if (depth == 0) co_return co_await std::move(e);
  co_return co_await nested(depth - 1, std::move(e)) + 1;
}
task<int> holding(task<int> inner) {
  co_return co_await std::move(inner) + 1;
}

/// The first link: a call that ends when the test says so.
eventual<int> first(bridge& b, completer<int>& c) {
  return b.submit([d = c.get_deferred()]() mutable { return std::move(d); });
}

}  // namespace

TEST_CASE("chains of every kind of combination end, each way, in constant stack") {
  const support::error_log log;
  extend kind = by_then;
  SUBCASE("then") {}
  SUBCASE("then with an answer that comes later") {
    kind = by_a_late_answer;
  }
  SUBCASE("when_any") {
    kind = by_when_any;
  }
  SUBCASE("when_all") {
    kind = by_when_all;
  }
  bridge b(reporting_to(log));
  completer<int> c;

  {  // with a value
    auto end = chain_of(first(b, c), kind);
    c.resolve(0);
    CHECK(end.get_for(generous) == links);
  }
  {  // with a failure
    completer<int> fails;
    auto end = chain_of(first(b, fails), kind);
    fails.reject(std::runtime_error("the first"));
    CHECK_THROWS_WITH_AS(end.get_for(generous), "the first", std::runtime_error);
  }
  {  // cancelled, when they wait, and when they are queued
    completer<int> never;
    auto end = chain_of(first(b, never), kind);
    b.call([] {});
    CHECK(end.cancel());
    REQUIRE(support::comes_true([&] { return never.is_cancelled(); }));
    completer<int> nor_that;
    b.call([&] {
      auto queued = chain_of(first(b, nor_that), kind);
      CHECK(queued.cancel());
    });
  }
  {  // dropped
    completer<int> later;
    support::gate ended;
    (void)chain_of(first(b, later), kind).then([=](int) { ended.open(); });
    later.resolve(1);
    CHECK(ended.wait());
  }
  {  // out of time, and then the bridge stops
    completer<int> never;
    auto end = chain_of(first(b, never), kind);
    b.call([] {});
    CHECK_THROWS_AS(end.get_for(std::chrono::milliseconds(1)), loopbridge::timed_out);
    b.stop();
    CHECK_THROWS_AS(end.get(), loopbridge::bridge_stopped);
  }
  CHECK(log.size() == 0);
}

TEST_CASE("a chain that hangs on an adopted loop ends there, and from another thread") {
  support::app_loop loop;
  completer<int> never;
  auto b = bridge::adopt(&loop.loop);
  auto end = chain_of(first(b, never), by_then);
  uv_run(&loop.loop, UV_RUN_NOWAIT);
  uv_run(&loop.loop, UV_RUN_NOWAIT);
  SUBCASE("stopped on the loop's thread") {
    b.stop();
  }
  SUBCASE("stopped elsewhere") {
    std::thread([&]() noexcept { b.stop(); }).join();
  }
  SUBCASE("cancelled") {
    end.cancel();
    b.stop();
  }
  CHECK(end.ready());
  CHECK_THROWS_AS(end.get(), loopbridge::error);
}

TEST_CASE("tasks that await tasks begin, end, fail and are cancelled in constant stack") {
  bridge b;
  completer<int> c;
  completer<int> fails;
  completer<int> never;
  const auto start = [&](completer<int>& of) {
    return b.submit([e = first(b, of)]() mutable { return nested(links, std::move(e)); });
  };
  auto value = start(c);
  auto failure = start(fails);
  auto cancelled = start(never);
  b.call([] {});
  c.resolve(0);
  CHECK(value.get_for(generous) == links);
  fails.reject(std::runtime_error("the first"));
  CHECK_THROWS_WITH_AS(failure.get_for(generous), "the first", std::runtime_error);
  CHECK(cancelled.cancel());
  b.call([] {});
  completer<int> nor_that;
  auto stopped = start(nor_that);
  b.call([] {});
  b.stop();
  CHECK_THROWS_AS(stopped.get(), loopbridge::bridge_stopped);
}

TEST_CASE("tasks that await the calls of tasks end in constant stack") {
  const support::error_log log;  // a chain that is dropped and then stopped is told of there
  bridge b(reporting_to(log));
  const auto chain = [&](completer<int>& of) {
    auto e = first(b, of);
    for (int n = 0; n < links; ++n) {
      e = b.submit([inner = std::move(e)]() mutable { return awaiting(std::move(inner)); });
    }
    return e;
  };
  completer<int> c;
  auto value = chain(c);
  c.resolve(0);
  CHECK(value.get_for(generous) == links);
  completer<int> never;
  auto end = chain(never);
  b.call([] {});
  SUBCASE("cancelled") {
    CHECK(end.cancel());
    b.call([] {});
  }
  SUBCASE("stopped") {
    b.stop();
  }
  SUBCASE("dropped") {
    end = {};
  }
}

TEST_CASE("tasks that hold tasks run, and are dropped, in constant stack") {
  bridge b;
  const auto build = [] {
    auto t = [](int n) -> task<int> { co_return n; }(0);
    for (int n = 0; n < links; ++n) t = holding(std::move(t));
    return t;
  };
  CHECK(b.call_for(generous, build) == links);
  (void)build();
}
