#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <loopbridge/coroutines/shield.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("shield");

namespace {

using loopbridge::bridge;
using loopbridge::cancelled;
using loopbridge::completer;
using loopbridge::delay;
using loopbridge::shield;
using loopbridge::task;
using support::generous;
using namespace std::chrono_literals;

/// For ever, unless it is cancelled: true.
task<bool> is_cancelled_in(std::chrono::milliseconds time) {
  try {
    co_await delay(time);
  } catch (const cancelled&) {
    co_return true;
  }
  co_return false;
}

}  // namespace

TEST_CASE("in a cancelled task, what is shielded runs to its end, and the next co_await throws") {
  std::atomic<int> steps{0};
  bridge b;
  const auto clean_up = [&]() -> task<int> {
    co_await delay(1ms);
    ++steps;
    co_await b.submit([] {});
    ++steps;
    co_return 7;
  };
  auto answer = b.submit([&]() -> task<> {
    CHECK(co_await is_cancelled_in(1h));
    CHECK(co_await shield(clean_up()) == 7);
    CHECK(co_await is_cancelled_in(1h));
    ++steps;
  });
  b.call([] {});
  CHECK(answer.cancel());
  CHECK_THROWS_AS(answer.get_for(generous), cancelled);  // at once
  CHECK(support::comes_true([&] { return steps == 3; }));
}

TEST_CASE("a task that is cancelled while it is shielded hears of it after that") {
  std::atomic<bool> cancelled_inside{true};
  std::atomic<bool> cancelled_after{false};
  std::atomic<bool> over{false};
  bridge b;
  completer<void> done;
  const auto work = [&]() -> task<> {
    const std::stop_token token = co_await loopbridge::stop_token_of_task();
    co_await done.get_deferred();
    cancelled_inside = token.stop_requested() ||
                       (co_await loopbridge::stop_token_of_task()).stop_requested() ||
                       co_await is_cancelled_in(1ms);
  };
  auto answer = b.submit([&]() -> task<> {
    const std::stop_token token = co_await loopbridge::stop_token_of_task();
    co_await shield(work());
    cancelled_after = token.stop_requested() && co_await is_cancelled_in(1h);
    over = true;
  });
  b.call([] {});
  CHECK(answer.cancel());
  b.call([] {});
  CHECK_FALSE(over);
  done.resolve();
  REQUIRE(support::comes_true([&] { return over.load(); }));
  CHECK_FALSE(cancelled_inside);
  CHECK(cancelled_after);
}

TEST_CASE("shields nest, and the outer one holds when the inner one has ended") {
  std::atomic<bool> done{false};
  std::optional<bool> inner;
  std::optional<bool> outer;
  bridge b;
  const auto nested = [&]() -> task<> {
    inner = co_await shield(is_cancelled_in(1ms));
    outer = co_await is_cancelled_in(1ms);
  };
  auto answer = b.submit([&]() -> task<> {
    CHECK(co_await is_cancelled_in(1h));
    co_await shield(nested());
    done = true;
  });
  b.call([] {});
  answer.cancel();
  REQUIRE(support::comes_true([&] { return done.load(); }));
  CHECK(inner == false);
  CHECK(outer == false);
}

TEST_CASE("in a task that is not cancelled a shield is an ordinary co_await, failures too") {
  bridge b;
  const auto give = []() -> task<std::string> { co_return "it"; };
  const auto fail = []() -> task<> {
    co_await delay(0ms);
    throw std::runtime_error("the clean-up failed");
  };
  CHECK(b.call([&]() -> task<std::string> { co_return co_await shield(give()); }) == "it");
  CHECK_THROWS_WITH_AS(b.call([&]() -> task<> { co_await shield(fail()); }), "the clean-up failed",
                       std::runtime_error);
  auto empty = give();
  const auto taken = std::move(empty);
  CHECK_THROWS_AS(b.call([&]() -> task<> { co_await shield(std::move(empty)); }),
                  loopbridge::no_state);
}

TEST_CASE("when the bridge stops, shields end: whoever was cancelled before or is only now") {
  for (const bool cancelled_before : {true, false}) {
    support::counts counts;
    const support::error_log log;
    std::optional<bool> inside;
    {
      bridge b(support::reporting_to(log));
      auto answer = b.submit([&, t = support::token(counts)]() -> task<> {
        inside = co_await shield(is_cancelled_in(1h));
      });
      b.call([] {});
      if (cancelled_before) {
        CHECK(answer.cancel());
        b.call([] {});
        CHECK(inside == std::nullopt);
      }
      b.stop();
      CHECK(answer.error() != nullptr);
    }
    CHECK(inside == true);
    CHECK(counts.alive() == 0);
    CHECK(log.size() == 0);
  }
}

TEST_CASE("a task that comes to a shield when its bridge stops is not shielded") {
  std::optional<bool> inside;
  {
    bridge b;
    auto answer = b.submit([&]() -> task<> {
      CHECK(co_await is_cancelled_in(1h));
      inside = co_await shield(is_cancelled_in(1h));
    });
    b.call([] {});
    b.stop();
    CHECK_THROWS_AS(answer.get(), loopbridge::bridge_stopped);
  }
  CHECK(inside == true);
}
