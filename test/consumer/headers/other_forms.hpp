#pragma once

// The part of everything.hpp that is about calls in other forms, tasks that take turns, and the
// stop that waits.
#include <chrono>
#include <loopbridge/bridge_ref.hpp>
#include <loopbridge/calls.hpp>
#include <loopbridge/coroutines/async_mutex.hpp>
#include <loopbridge/coroutines/semaphore.hpp>
#include <loopbridge/coroutines/shield.hpp>
#include <loopbridge/coroutines/start.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/draining.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/to_eventual.hpp>
#include <string>
#include <vector>

class other_forms {
 public:
  /// Names of what went wrong.
  std::vector<std::string> use() {
    constexpr std::chrono::seconds soon{60};
    expect(call_or_run(b_, [] { return 3; }) == 3, "call_or_run");
    const auto until = std::chrono::steady_clock::now() + soon;
    expect(call_until(b_, until, [] { return 3; }) == 3, "call_until");
    expect(b_.call([] { return loopbridge::bridge::current().submit([] { return 3; }); }) == 3,
           "bridge_ref, a returned eventual");
    expect(when_any(b_.submit([] { return 3; }), b_.submit([] {})).get().index() < 2, "when_any");
    loopbridge::completer<int> bare;
    auto awaited = loopbridge::to_eventual(b_, bare.get_deferred());
    bare.resolve(8);
    expect(awaited.get() == 8, "to_eventual");
    expect(b_.call([this] { return in_turns(); }) == 3, "semaphore, async_mutex, shield");
    auto started = loopbridge::start<int>(b_, says_that_it_has_started);
    expect(started.started.get() == 1, "start");
    started.ended.get();
    loopbridge::stop_when_idle(b_);
    expect(loopbridge::stop_within(b_, soon), "stop_within");
    return wrong_;
  }

 private:
  void expect(bool right, const char* what) {
    if (!right) wrong_.emplace_back(what);
  }

  static loopbridge::task<int> three() { co_return 3; }
  static loopbridge::task<> says_that_it_has_started(loopbridge::completer<int>& started) {
    started.resolve(1);
    co_return;
  }
  loopbridge::task<int> in_turns() {
    loopbridge::semaphore some(2);
    loopbridge::async_mutex one;
    const loopbridge::semaphore::permit permit = co_await some.acquire();
    expect(permit && some.available() == 1 && some.try_acquire(), "permits");
    const auto lock = co_await one.lock();
    co_return one.is_locked() ? co_await loopbridge::shield(three()) : 0;
  }

  std::vector<std::string> wrong_;
  loopbridge::bridge b_;
};
