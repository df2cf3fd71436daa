#include <doctest/doctest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("eventual");

namespace {

using loopbridge::bridge;
using loopbridge::eventual;
using support::generous;
using support::holds;

constexpr auto briefly = std::chrono::milliseconds(1);

}  // namespace

TEST_CASE("a value can be looked at again and again, or taken") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  auto answer =
      b.submit([] { return std::string("a text that is not stored inline, by any means"); });
  static_assert(std::is_same_v<decltype(answer.get()), const std::string&>);
  CHECK(&answer.get() == &answer.get_for(generous));
  CHECK(answer);
  const std::string taken = std::move(answer).get();
  CHECK(taken == "a text that is not stored inline, by any means");
  CHECK_FALSE(answer);
}

TEST_CASE("a value that only moves can be looked at, and taken") {
  const support::watchdog dog;
  bridge b;
  auto answer = b.submit([] { return std::make_unique<int>(3); });
  CHECK(*answer.get() == 3);
  const std::unique_ptr<int> taken = std::move(answer).get_for(generous);
  CHECK(*taken == 3);
}

TEST_CASE("a reference and nothing at all are answers too") {
  const support::watchdog dog;
  bridge b;
  int target = 0;
  auto reference = b.submit([&]() -> int& { return target; });
  CHECK(&reference.get() == &target);
  CHECK(&std::move(reference).get() == &target);
  auto nothing = b.submit([&] { target = 5; });
  nothing.get();
  CHECK(target == 5);
  nothing.get_for(generous);
  std::move(nothing).get();
  CHECK_FALSE(nothing);
}

TEST_CASE("an exception arrives as it was thrown, at each look") {
  const support::watchdog dog;
  bridge b;
  auto answer = b.submit([]() -> int { throw std::out_of_range("thrown"); });
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_WITH_AS(answer.get(), "thrown", std::out_of_range);
    CHECK_THROWS_AS(answer.get_for(generous), std::out_of_range);
    CHECK(holds<std::out_of_range>(answer.error()));
  }
  CHECK_THROWS_AS((void)std::move(answer).get(), std::out_of_range);
}

TEST_CASE("several threads may wait at once, and all get the same answer") {
  constexpr int waiters = 4;
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  const auto answer = b.submit([] { return std::string("one for all"); });
  std::barrier<> together(waiters + 1);
  std::atomic<const std::string*> seen[waiters] = {};
  std::vector<std::thread> threads;
  for (auto& s : seen) {
    threads.emplace_back([&]() noexcept {
      together.arrive_and_wait();
      s = &answer.get();
    });
  }
  together.arrive_and_wait();
  held.reset();
  for (std::thread& t : threads) t.join();
  for (const auto& s : seen) CHECK(s.load() == &answer.get());
}

TEST_CASE("a wait whose time is up cancels nothing, and may be repeated") {
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  auto answer = b.submit([] { return 8; });
  const unsigned line = __LINE__ - 1;
  CHECK_FALSE(answer.wait_for(briefly));
  CHECK_FALSE(answer.wait_for(std::chrono::seconds(-1)));
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_WITH_AS(answer.get_for(briefly),
                         doctest::Contains((":" + std::to_string(line)).c_str()),
                         loopbridge::timed_out);
  }
  CHECK_THROWS_AS((void)std::move(answer).get_for(briefly), loopbridge::timed_out);
  CHECK(answer);  // not taken: there was nothing to take
  CHECK_FALSE(answer.ready());
  CHECK(answer.error() == nullptr);
  held.reset();
  CHECK(answer.wait_for(generous));
  CHECK(answer.ready());
  CHECK(answer.error() == nullptr);
  CHECK(answer.get_for(briefly) == 8);
}

TEST_CASE("dropping an eventual does not block, and the call still runs") {
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(std::in_place, b);
  bool ran = false;
  {
    const auto dropped = b.submit([&] { ran = true; });
  }
  CHECK_FALSE(ran);
  held.reset();
  support::catch_up(b);
  CHECK(ran);
}

TEST_CASE("an unread failure is reported once, whether it came before the drop or after") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const auto fails = [] { throw std::runtime_error("unread"); };
  SUBCASE("before") {
    const auto answer = b.submit(fails);
    REQUIRE(answer.wait_for(generous));
    CHECK(log.size() == 0);
  }
  SUBCASE("before, and looked at by ready() only") {
    const auto answer = b.submit(fails);
    support::catch_up(b);
    CHECK(answer.ready());
  }
  SUBCASE("after") {
    const support::held_loop held(b);
    const auto answer = b.submit(fails);
  }
  REQUIRE(log.wait_for(1));
  support::catch_up(b);
  CHECK(log.size() == 1);
  CHECK(log.entries()[0].what == "unread");
  CHECK(log.entries()[0].file.find("eventual_test.cpp") != std::string::npos);
}

TEST_CASE("a failure that was read, and a value that was not, are not reported") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const auto fails = [] { throw std::runtime_error("read"); };
  CHECK_THROWS(b.submit(fails).get_for(generous));
  {
    const auto answer = b.submit(fails);
    CHECK_THROWS(answer.get_for(generous));
  }
  {
    const auto answer = b.submit(fails);
    CHECK(answer.wait_for(generous));
    CHECK(answer.error() != nullptr);
  }
  {
    const auto value = b.submit([] { return 1; });
  }
  support::catch_up(b);
  CHECK(log.size() == 0);
}

TEST_CASE("a value is destroyed once: with the eventual, by the taker, or unheard on the loop") {
  bridge b(support::with_each_doorbell());
  support::counts counts;
  const auto make = [&] { return support::token(counts); };
  {
    const auto answer = b.submit(make);
    REQUIRE(answer.wait_for(generous));
    CHECK(counts.alive() == 1);
  }
  CHECK(counts.alive() == 0);
  {
    const support::token taken = b.submit(make).get_for(generous);
  }
  CHECK(counts.alive() == 0);
  {
    const support::held_loop held(b);
    const auto dropped = b.submit(make);
  }
  support::catch_up(b);
  CHECK(counts.made == 3);
  CHECK(counts.destroyed == 3);
}

TEST_CASE("an empty eventual says so") {
  bridge b;
  auto answer = b.submit([] { return 1; });
  REQUIRE(answer.wait_for(generous));
  const eventual<int> made_empty;
  const eventual<int> moved_to(std::move(answer));
  for (const eventual<int>* const empty :
       {&made_empty, static_cast<const eventual<int>*>(&answer)}) {
    CHECK_FALSE(*empty);
    CHECK_THROWS_WITH_AS(empty->get(), doctest::Contains("keep it in a variable"),
                         loopbridge::no_state);
    CHECK_THROWS_AS(empty->get_for(briefly), loopbridge::no_state);
    CHECK_THROWS_AS(empty->wait(), loopbridge::no_state);
    CHECK_THROWS_AS((void)empty->wait_for(briefly), loopbridge::no_state);
    CHECK_THROWS_AS((void)empty->ready(), loopbridge::no_state);
    CHECK_THROWS_AS((void)empty->error(), loopbridge::no_state);
    CHECK_THROWS_AS((void)empty->cancel(), loopbridge::no_state);
  }
  CHECK(moved_to.get() == 1);
}

TEST_CASE("assigning to an eventual drops what it held") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  auto answer = b.submit([]() -> int { throw std::runtime_error("overwritten"); });
  REQUIRE(answer.wait_for(generous));
  answer = b.submit([] { return 2; });
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "overwritten");
  CHECK(answer.get_for(generous) == 2);
}
