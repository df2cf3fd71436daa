// options::capacity: calls that a full bridge refuses. (capacity_blocked_test has those that wait
// for room, capacity_flood_test a flood.)
#include "loop/capacity.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("capacity");

using loopbridge::bridge;
using loopbridge::bridge_full;
using loopbridge::options;
using loopbridge::status;
using namespace std::chrono_literals;
using support::generous;

namespace {

options refusing_beyond(std::size_t calls) {
  options opts;
  opts.capacity = calls;
  opts.patience = 0s;
  return opts;
}

/// What ran, in order: of the loop's thread, and read when it is idle.
struct diary {
  std::vector<int> ran;
  auto note(int n) {
    return [this, n] { ran.push_back(n); };
  }
};

/// Until all that was posted before has run.
void catch_up(bridge& b) {
  REQUIRE(support::comes_true([&] {
    try {
      b.call_for(generous, [] {});
      return true;
    } catch (const bridge_full&) {
      return false;
    }
  }));
}

}  // namespace

TEST_CASE("a full bridge refuses every kind of call, destroys its callable, and names the fix") {
  support::counts counts;
  diary d;
  bridge b(refusing_beyond(2));
  {
    const support::held_loop held(b);
    b.post(d.note(1));
    auto second = b.submit(d.note(2));
    const auto expect_full = [&](auto&& call) {
      std::string message;
      try {
        call();
      } catch (const bridge_full& e) {
        message = e.what();
      }
      CHECK(message.find("options::capacity") != std::string::npos);
    };
    expect_full([&] { b.post([t = support::token(counts)] {}); });
    expect_full([&] { (void)b.submit([t = support::token(counts)] {}); });
    expect_full([&] { b.call([t = support::token(counts)] {}); });
    expect_full([&] { b.call_for(generous, [t = support::token(counts)] {}); });
    CHECK(b.try_post([t = support::token(counts)] {}) == status::bridge_full);
    CHECK(counts.made == 5);
    CHECK(counts.alive() == 0);
    CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
    CHECK(b.stats().refused == 5);
    CHECK(b.stats().queued == 2);
  }
  catch_up(b);  // there is room again
  CHECK(d.ran == std::vector{1, 2});
}

TEST_CASE("a patience of less than nothing is an error that names the option") {
  for (const std::chrono::nanoseconds patience : {-1ns, std::chrono::nanoseconds::min()}) {
    options opts;
    opts.patience = patience;
    CHECK_THROWS_WITH_AS(bridge b(opts), doctest::Contains("options::patience"),
                         std::invalid_argument);
  }
}

TEST_CASE("without a capacity nothing is refused, however little patience there is") {
  diary d;
  bridge b(refusing_beyond(0));
  {
    const support::held_loop held(b);
    for (int n = 0; n < 1000; ++n) b.post(d.note(n));
  }
  catch_up(b);
  CHECK(d.ran.size() == 1000);
}

TEST_CASE("a cancelled call keeps its place until the loop takes it") {
  diary d;
  bridge b(refusing_beyond(1));
  {
    const support::held_loop held(b);
    auto first = b.submit(d.note(1));
    CHECK(first.cancel());
    CHECK_THROWS_AS(b.post(d.note(2)), bridge_full);
  }
  catch_up(b);
  b.post(d.note(3));
  catch_up(b);
  CHECK(d.ran == std::vector{3});
}

TEST_CASE("handlers' calls are not counted: a full bridge takes them, and they leave room") {
  bridge b(refusing_beyond(2));
  loopbridge::reentrant_call prepaid(b, [] {});
  const support::held_loop held(b);
  for (int n = 0; n < 50; ++n) CHECK(b.post_reentrant([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::bridge_full);
  CHECK(b.post_reentrant([] {}) == status::accepted);
  CHECK(prepaid.post() == status::accepted);
}

TEST_CASE("a place that a frame took with it when it was left is found again") {
  loopbridge::detail::submission_list<loopbridge::detail::operation> list;
  loopbridge::detail::capacity_gate r(2);
  CHECK(r.claim());
  CHECK(r.claim());  // nothing is pushed
  CHECK(!r.claim());
  CHECK(r.claim_or_wait(list, nullptr) == status::accepted);
  CHECK(r.claimed() == 1);
}
