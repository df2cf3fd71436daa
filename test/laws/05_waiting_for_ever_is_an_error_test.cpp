// Law 5: waiting where it can never end is an error, in release builds too: on the loop's own
// thread, and in a cycle of bridges that wait for each other. (wait_graph_test has the cycles in
// all shapes; this file, every function that blocks.)
#include <doctest/doctest.h>

#include <functional>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <string>
#include <vector>

#include "support/doorbells.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("law 5: waiting for ever is an error");

using loopbridge::bridge;
using loopbridge::status;
using loopbridge::would_deadlock;

namespace {

/// Every public function that blocks on `b`.
std::vector<std::function<void(bridge&)>> blocking_functions() {
  using support::generous;
  return {
      [](bridge& b) { b.call([] {}); },
      [](bridge& b) { b.call_for(generous, [] {}); },
      [](bridge& b) { b.submit([] {}).get(); },
      [](bridge& b) { b.submit([] {}).get_for(generous); },
      [](bridge& b) { b.submit([] {}).wait(); },
      [](bridge& b) { (void)b.submit([] {}).wait_for(generous); },
  };
}

}  // namespace

TEST_CASE("every blocking function throws would_deadlock on the loop's own thread") {
  bridge b(support::with_each_doorbell());
  for (const auto& blocks : blocking_functions()) {
    CHECK_THROWS_AS(b.call_for(support::generous, [&] { blocks(b); }), would_deadlock);
  }
  loopbridge::reentrant_call fired(b, [] {});
  const status s = b.call_for(support::generous, [&] { return fired.call_for(support::generous); });
  CHECK(s == status::would_deadlock);
}

TEST_CASE("every blocking function throws would_deadlock where it would close a cycle") {
  loopbridge::options named_a = support::with_each_doorbell();
  loopbridge::options named_b = named_a;
  named_a.name = "alpha";
  named_b.name = "beta";
  bridge a(named_a);
  bridge b(named_b);
  for (const auto& blocks : blocking_functions()) {
    std::string message;
    try {
      a.call_for(support::generous, [&] { b.call([&] { blocks(a); }); });
    } catch (const would_deadlock& e) {
      message = e.what();
    }
    CHECK(message.find("'beta' -> 'alpha' -> 'beta'") != std::string::npos);
  }
  CHECK_THROWS_AS(a.call_for(support::generous, [&] { b.call([&] { a.stop(); }); }),
                  would_deadlock);
}

TEST_CASE("a result that is there already may be read on the loop thread") {
  bridge b(support::with_each_doorbell());
  const auto answer = b.submit([] { return 3; });
  REQUIRE(answer.wait_for(support::generous));
  CHECK(b.call_for(support::generous, [&] { return answer.get(); }) == 3);
}

TEST_CASE("a loop may wait for another one that does not wait for it") {
  bridge a(support::with_each_doorbell());
  bridge b;
  CHECK(a.call_for(support::generous, [&] { return b.call([] { return 7; }); }) == 7);
}

TEST_CASE("an endless wait for a task, or a then(), that waits for the waiting loop is refused") {
  using loopbridge::eventual;
  using loopbridge::task;
  bridge a;
  bridge b;
  const auto awaits_b = [&]() -> task<int> { co_return co_await b.submit([] { return 1; }); };
  const auto within = [&]() -> task<int> { co_return co_await awaits_b(); };
  const auto after_another = [&]() -> task<int> {
    auto first = a.submit([] {});
    co_await std::move(first);
    co_return co_await within();
  };
  const auto behind = [](eventual<int> e) -> task<int> { co_return co_await std::move(e); };
  const std::vector<std::function<eventual<int>()>> begin = {
      [&] { return a.submit(awaits_b); },
      [&] { return a.submit(after_another); },
      [&] { return a.submit(awaits_b).then([](int n) { return n; }); },
      [&] {
        auto e = a.submit(awaits_b).then([](int n) { return n; });
        return a.submit([&, before = std::move(e)]() mutable { return behind(std::move(before)); });
      },
      [&] { return a.submit([] {}).then([&] { return b.submit([] { return 1; }); }); },
  };
  for (const auto& begun : begin) {
    // Whoever comes last finds it: the task, as it suspends, or the thread, as it waits.
    CHECK_THROWS_AS(b.call_for(support::generous, [&] { return begun().get(); }), would_deadlock);
    const auto waits_later = [&] {
      auto e = begun();
      for (int turns = 0; turns < 5; ++turns) a.call_for(support::generous, [] {});
      return e.get();
    };
    CHECK_THROWS_AS(b.call_for(support::generous, waits_later), would_deadlock);
  }
}

TEST_CASE("a circle through a third loop's plain wait is refused") {
  using loopbridge::task;
  bridge a;
  bridge b;
  bridge c;
  CHECK_THROWS_AS(
      b.call_for(support::generous,
                 [&] { c.call([&] { a.call([&]() -> task<> { co_await b.submit([] {}); }); }); }),
      would_deadlock);
}

TEST_CASE("waits for tasks that end by themselves, and waits with a deadline, are not refused") {
  using loopbridge::task;
  bridge a;
  bridge b;
  bridge c;
  const auto elsewhere = [&]() -> task<int> { co_return co_await c.submit([] { return 3; }); };
  CHECK(b.call_for(support::generous, [&] { return a.call(elsewhere); }) == 3);
  CHECK(b.call_for(support::generous, [&] { return a.submit(elsewhere).get(); }) == 3);
  loopbridge::completer<int> done;
  const auto by_a_completer = [&]() -> task<int> {
    auto e = b.submit([&] { return done.get_deferred(); });
    co_return co_await std::move(e);
  };
  auto waiting = a.submit(by_a_completer);
  a.call_for(support::generous, [] {});
  b.call_for(support::generous, [] {});
  done.resolve(4);
  CHECK(b.call_for(support::generous, [&] { return waiting.get(); }) == 4);
  const auto circle = [&]() -> task<int> { co_return co_await b.submit([] { return 5; }); };
  b.call_for(support::generous, [&] {
    auto e = a.submit(circle);
    CHECK_THROWS_AS(e.get_for(std::chrono::milliseconds(20)), loopbridge::timed_out);
  });
}
