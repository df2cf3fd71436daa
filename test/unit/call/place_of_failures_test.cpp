// A failure always tells where the work came from, whatever way it came in and went wrong.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/delay.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("place of failures");

namespace {

using doctest::Contains;
using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::options;
using loopbridge::status;
using loopbridge::task;
using support::generous;
using support::here;
using namespace std::chrono_literals;

[[noreturn]] void fail() {
  throw std::runtime_error("failed");
}

/// What brings work in that fails, with nobody there to receive it.
struct way {
  const char* name;
  std::function<void(bridge&)> submit;
};

const way ways[] = {
    {"post", [](bridge& b) { b.post(fail, here); }},
    {"try_post", [](bridge& b) { CHECK(b.try_post([] { fail(); }, here) == status::accepted); }},
    {"submit", [](bridge& b) { (void)b.submit(fail, here); }},
    {"try_submit", [](bridge& b) { (void)b.try_submit([] { fail(); }, here); }},
    {"submit_after", [](bridge& b) { (void)submit_after(b, 1ms, fail, here); }},
    {"submit_every",
     [](bridge& b) {
       const auto fail_once = [first = true]() mutable {
         if (std::exchange(first, false)) fail();
       };
       submit_every(b, 1ms, fail_once, here).detach();
     }},
    {"then", [](bridge& b) { (void)b.submit([] {}).then(fail, here); }},
    {"then, on an executor", [](bridge& b) { (void)b.submit([] {}).then(b, fail, here); }},
    {"when_all",
     [](bridge& b) {
       std::vector<loopbridge::eventual<void>> all;
       all.push_back(b.submit(fail));
       (void)when_all(std::move(all), here);
     }},
    {"when_any",
     [](bridge& b) {
       std::vector<loopbridge::eventual<void>> all;
       all.push_back(b.submit(fail));
       (void)when_any(std::move(all), here);
     }},
    {"a wrapped function", [](bridge& b) { (void)loopbridge::wrap(b, fail, here)(); }},
    {"post_reentrant", [](bridge& b) { (void)b.post_reentrant([] { fail(); }, here); }},
    {"post_reentrant with a value",
     [](bridge& b) { (void)b.post_reentrant([](int) { fail(); }, 1, here); }},
    {"reentrant_call",
     [](bridge& b) {
       CHECK(loopbridge::reentrant_call(b, fail, here).post() == status::accepted);
     }},
    {"at_stop", [](bridge& b) { b.at_stop(fail, here); }},
    {"a task",
     [](bridge& b) {
       (void)b.submit(
           []() -> task<> {
             co_await loopbridge::delay(1ms);
             fail();
           },
           here);
     }},
    {"a cancel hook",
     [](bridge& b) {
       std::optional<completer<int>> done(std::in_place);
       auto answer = b.submit(
           [&]() -> deferred<int> {
             done->on_cancel(fail);
             return done->get_deferred();
           },
           here);
       b.call([] {});
       CHECK(answer.cancel());
       b.call([] {});
     }},
    {"a deferred",
     [](bridge& b) {
       (void)b.submit([]() -> deferred<int> { return completer<int>().get_deferred(); }, here);
     }},
    {"what the stop refuses",
     [](bridge& b) {
       support::stop_while_queued(
           b, [&] { CHECK(b.post_reentrant([] {}, here) == status::accepted); });
     }},
};

/// The text of what `f` throws.
template <class F>
doctest::String thrown_by(F&& f) {
  try {
    f();
  } catch (const loopbridge::error& e) {
    return e.what();
  }
  return "nothing";
}

/// Each way of making a call, with the place.
template <class Bridge, class Check>
void for_each_call(Bridge& b, Check&& check) {
  check([&] { b.post([] {}, here); });
  check([&] { (void)b.submit([] {}, here); });
  check([&] { (void)b.try_submit([] {}, here).answer(); });
  check([&] { b.call([] {}, here); });
  check([&] { b.call_for(generous, [] {}, here); });
}

}  // namespace

TEST_CASE("what nobody receives is reported with its place, by whatever way it came in") {
  for (const way& w : ways) {
    CAPTURE(std::string(w.name));
    const support::error_log log;
    bridge b(support::refusing(support::reporting_to(log)));
    w.submit(b);
    const bool comes_by_itself = std::string(w.name) != "at_stop";
    if (comes_by_itself) CHECK(log.wait_for(1));
    b.stop();
    REQUIRE(log.size() == 1);
    CHECK(log.entries()[0].file == "here.cpp");
    CHECK(log.entries()[0].line == 7);
  }
}

TEST_CASE("without a place given it is that of the caller, handlers' calls included") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  (void)b.post_reentrant([] { fail(); });
  (void)b.post_reentrant([](int) { fail(); }, 1);
  const unsigned line = __LINE__;
  b.stop();
  REQUIRE(log.size() == 2);
  for (unsigned n = 0; n < 2; ++n) {
    CHECK(Contains("place_of_failures_test.cpp") == log.entries()[n].file.c_str());
    CHECK(log.entries()[n].line == line - 2 + n);
  }
}

TEST_CASE("calls that are refused say where they were made") {
  const auto names_it = [](auto&& call) { CHECK(thrown_by(call) == Contains("here.cpp:7")); };
  options opts = support::with_capacity(1);
  for (const std::chrono::milliseconds patience : {0ms, 1ms}) {
    opts.patience = patience;
    bridge b(opts);
    const support::held_loop held(b);
    b.post([] {});
    for_each_call(b, names_it);
  }
  bridge b;
  b.stop();
  for_each_call(b, names_it);
  names_it([&] { (void)submit_after(b, 1ms, [] {}, here); });
  names_it([&] { (void)submit_every(b, 1ms, [] {}, here); });
  names_it([&] { b.at_stop([] {}, here); });
}

TEST_CASE("waits that could not end name the call that was waited for") {
  bridge b;
  const auto on_loop = [&](auto&& wait) { return b.call([&] { return thrown_by(wait); }); };
  CHECK(on_loop([&] { b.call([] {}, here); }) == Contains("here.cpp:7"));
  CHECK(on_loop([&] { b.call_for(1ms, [] {}, here); }) == Contains("here.cpp:7"));
  CHECK(on_loop([&] { b.submit([] {}, here).get(); }) == Contains("here.cpp:7"));
  CHECK(on_loop([&] { b.submit([] {}, here).get_for(1ms); }) == Contains("here.cpp:7"));
}
