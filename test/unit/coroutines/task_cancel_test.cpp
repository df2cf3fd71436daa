#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("task_cancel");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::delay;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

/// Tells how a task left: by which exception, if any.
enum class left { not_yet, normally, cancelled, otherwise };

/// Waits for ever, and notes how that ended.
task<> wait_for_ever(std::atomic<left>& how, std::optional<support::token> = {}) {
  try {
    co_await delay(std::chrono::hours(1));
    how = left::normally;
  } catch (const loopbridge::cancelled&) {
    how = left::cancelled;
    throw;
  } catch (...) {
    how = left::otherwise;
    throw;
  }
}

}  // namespace

TEST_CASE("cancel() ends the wait at once, and the task by an exception, on the loop") {
  support::counts counts;
  std::atomic<left> how{left::not_yet};
  bridge b;
  auto answer = b.submit([&, t = support::token(counts)]() -> task<> {
    const support::token local(counts);
    co_await wait_for_ever(how, support::token(counts));
  });
  b.call([] {});
  CHECK(counts.alive() == 3);
  CHECK(answer.cancel());
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::cancelled);
  b.call([] {});  // the task is given up in the turn after
  CHECK(how == left::cancelled);
  CHECK(counts.alive() == 0);
}

TEST_CASE("a call_for that times out cancels the task") {
  std::atomic<left> how{left::not_yet};
  bridge b;
  // One whose time is up before it has begun never does, so it gets more until it has.
  bool begun = false;
  for (auto timeout = 1ms; !begun && timeout < generous; timeout *= 2) {
    const auto wait = [&] {
      begun = true;
      return wait_for_ever(how);
    };
    CHECK_THROWS_AS(b.call_for(timeout, wait), loopbridge::timed_out);
    b.call([] {});
  }
  CHECK(how == left::cancelled);
}

TEST_CASE("a std::stop_source cancels a task by way of its call") {
  std::atomic<left> how{left::not_yet};
  bridge b;
  std::stop_source stop;
  auto answer = b.submit([&] { return wait_for_ever(how); });
  const std::stop_callback cancel(stop.get_token(), [&] { answer.cancel(); });
  b.call([] {});
  stop.request_stop();
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::cancelled);
  b.call([] {});
  CHECK(how == left::cancelled);
}

TEST_CASE("the task's own stop token is stopped with it, whenever it was asked for") {
  bridge b;
  std::stop_token early;
  std::stop_token late;
  std::optional<loopbridge::eventual<void>> answer = b.submit([&]() -> task<> {
    early = co_await loopbridge::stop_token_of_task();
    try {
      co_await delay(std::chrono::hours(1));
    } catch (const loopbridge::cancelled&) {
    }
    late = co_await loopbridge::stop_token_of_task();
  });
  b.call([] {});
  CHECK(early.stop_possible());
  CHECK_FALSE(early.stop_requested());
  answer->cancel();
  b.call([] {});
  CHECK(early.stop_requested());
  CHECK(late.stop_requested());
}

TEST_CASE("a task that goes on after it was cancelled is asked again at each co_await") {
  bridge b;
  int asked = 0;
  bool ended = false;
  auto answer = b.submit([&]() -> task<> {
    for (int i = 0; i < 3; ++i) {
      try {
        co_await delay(std::chrono::hours(1));
      } catch (const loopbridge::cancelled&) {
        ++asked;
      }
    }
    try {
      co_await b.submit([] {});
    } catch (const loopbridge::cancelled&) {
      ++asked;
    }
    try {
      completer<void> never;
      co_await never.get_deferred();
    } catch (const loopbridge::cancelled&) {
      ++asked;
    }
    ended = true;
  });
  b.call([] {});
  answer.cancel();
  b.call([] {});
  CHECK(asked == 5);
  CHECK(ended);
}

TEST_CASE("a cancelled task cancels the call that it awaits, if it is the task's own") {
  bridge b;
  bridge other;
  bool hook_ran = false;
  completer<int> theirs;
  const auto begin = [&] {
    theirs = completer<int>();
    theirs.on_cancel([&] { hook_ran = true; });
    return theirs.get_deferred();
  };
  auto owning = b.submit([&]() -> task<> { co_await other.submit(begin); });
  b.call([] {});
  other.call([] {});
  owning.cancel();
  b.call([] {});
  other.call([] {});
  CHECK(hook_ran);

  hook_ran = false;
  auto shared = other.submit(begin);
  auto looking = b.submit([&]() -> task<> { co_await shared; });
  b.call([] {});
  other.call([] {});
  looking.cancel();
  b.call([] {});
  other.call([] {});
  CHECK_FALSE(hook_ran);
  theirs.resolve(5);
  CHECK(shared.get_for(generous) == 5);
}

TEST_CASE("a cancelled task runs the cancel hook of a deferred that it awaits") {
  bridge b;
  bool hook_ran = false;
  completer<int> done;
  auto answer = b.submit([&]() -> task<> {
    done.on_cancel([&] { hook_ran = b.on_loop_thread(); });
    co_await done.get_deferred();
  });
  b.call([] {});
  CHECK(answer.cancel());
  b.call([] {});
  b.call([] {});
  CHECK(hook_ran);
  CHECK_FALSE(done.resolve(1));
}

TEST_CASE("an answer that comes as the task is cancelled is harmless") {
  bridge b;
  bridge other;
  for (int i = 0; i < 200; ++i) {
    auto answer =
        b.submit([&]() -> task<int> { co_return co_await other.submit([] { return 1; }); });
    if (i % 2 == 0) b.call([] {});
    const bool was_cancelled = answer.cancel();
    REQUIRE(answer.wait_for(generous));
    // If it was not, it was done, or began just then; and ends as cancelled where it waits.
    if (was_cancelled || answer.error() != nullptr) {
      CHECK_THROWS_AS(answer.get(), loopbridge::cancelled);
    } else {
      CHECK(answer.get() == 1);
    }
  }
}

TEST_CASE("what a cancelled task fails with is reported, with its place; cancelled itself is not") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  auto quiet = b.submit([]() -> task<> { co_await delay(std::chrono::hours(1)); });
  auto loud = b.submit(
      []() -> task<> {
        try {
          co_await delay(std::chrono::hours(1));
        } catch (const loopbridge::cancelled&) {
        }
        throw std::runtime_error("while it was given up");
      },
      support::here);
  b.call([] {});
  quiet.cancel();
  loud.cancel();
  b.call([] {});
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "while it was given up");
  CHECK(log.entries()[0].file == "here.cpp");
}

TEST_CASE("so is the failure of what it awaits, whichever comes first") {
  for (const bool fails_first : {true, false}) {
    const support::error_log log;
    bridge b(support::reporting_to(log));
    completer<int> done;
    auto answer = b.submit([&]() -> task<> { co_await done.get_deferred(); }, support::here);
    b.call([] {});
    {
      const support::held_loop held(b);  // so that the task hears of both at once
      const auto fail = [&] {
        return done.reject(std::make_exception_ptr(std::runtime_error("it")));
      };
      if (fails_first) CHECK(fail());
      CHECK(answer.cancel());
      if (!fails_first) CHECK(fail());
    }
    b.call([] {});
    b.call([] {});
    REQUIRE(log.size() == 1);
    CHECK(log.entries()[0].what == "it");
    CHECK(log.entries()[0].file == "here.cpp");
  }
}
