// options::capacity: what becomes of a call that finds its bridge full. (capacity_blocked_test has
// those that wait for room, capacity_flood_test a flood.)
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "room.hpp"
#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("capacity");

using loopbridge::bridge;
using loopbridge::bridge_full;
using loopbridge::options;
using loopbridge::status;
using loopbridge::when_full;
using support::generous;

namespace {

options with_room_for(std::size_t calls, when_full policy) {
  options opts;
  opts.capacity = calls;
  opts.when_full = policy;
  return opts;
}

/// What ran, in order: of the loop's thread, and read when it is idle.
struct diary {
  std::vector<int> ran;
  auto note(int n) {
    return [this, n] { ran.push_back(n); };
  }
};

void catch_up(bridge& b) {
  b.with(when_full::block_for(generous)).call_for(generous, [] {});
}

}  // namespace

TEST_CASE("a full bridge refuses every kind of call, destroys its callable, and names the fix") {
  support::counts counts;
  diary d;
  bridge b(with_room_for(2, when_full::refuse()));
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
    CHECK(b.try_post([t = support::token(counts)] {}) == status::full);
    CHECK(counts.made == 5);
    CHECK(counts.alive() == 0);
    CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
    CHECK(b.stats().refused == 5);
    CHECK(b.stats().queued == 2);
  }
  catch_up(b);  // there is room again
  CHECK(d.ran == std::vector{1, 2});
}

TEST_CASE("a call may have a policy of its own") {
  bridge b(with_room_for(1, when_full::drop_oldest()));
  support::error_log log;
  const support::held_loop held(b);
  b.post([] {});
  CHECK_THROWS_AS(b.with(when_full::refuse()).post([] {}), bridge_full);
  CHECK(b.with(when_full::refuse()).try_post([] {}) == status::full);
  CHECK_THROWS_AS((void)b.with(when_full::refuse()).submit([] {}), bridge_full);
  CHECK_THROWS_AS(b.with(when_full::refuse()).call([] {}), bridge_full);
  CHECK_THROWS_AS(b.with(when_full::refuse()).call_for(generous, [] {}), bridge_full);
}

TEST_CASE("without a capacity no policy matters") {
  diary d;
  bridge b;
  {
    const support::held_loop held(b);
    for (int n = 0; n < 1000; ++n) b.with(when_full::refuse()).post(d.note(n));
  }
  catch_up(b);
  CHECK(d.ran.size() == 1000);
}

TEST_CASE(
    "the oldest makes room: posted, it is reported; submitted or called, its waiter is told") {
  const support::error_log log;
  options opts = with_room_for(3, when_full::drop_oldest());
  opts.on_unhandled_error = log.hook();
  support::counts counts;
  diary d;
  bridge b(opts);
  {
    const support::held_loop held(b);
    b.post([t = support::token(counts)] {});
    const unsigned line = __LINE__ - 1;
    const auto submitted = b.submit([t = support::token(counts)] {});
    std::thread caller(
        [&]() noexcept { CHECK_THROWS_AS(b.call([t = support::token(counts)] {}), bridge_full); });
    support::until_waiting(b, 1);
    for (int n = 1; n <= 3; ++n) b.post(d.note(n));
    caller.join();
    CHECK(counts.made == 3);
    CHECK(counts.alive() == 0);
    CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
    REQUIRE(log.size() == 1);
    CHECK(support::holds<bridge_full>(log.entries()[0].error));
    CHECK(log.entries()[0].line == line);
    CHECK_THROWS_WITH_AS(submitted.get(), doctest::Contains("capacity_test.cpp"), bridge_full);
    CHECK(b.stats().dropped == 3);
    CHECK(b.stats().queued == 3);
  }
  catch_up(b);
  CHECK(d.ran == std::vector{1, 2, 3});
}

TEST_CASE("what is left keeps its order when the oldest are dropped, again and again") {
  options opts = with_room_for(4, when_full::drop_oldest());
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  diary d;
  std::vector<int> handlers;
  bridge b(opts);
  {
    const support::held_loop held(b);
    for (int n = 0; n < 100; ++n) {
      b.post(d.note(n));
      // Between them, what is not counted, and cannot be dropped.
      if (n % 10 == 0) {
        const auto note = [](std::vector<int>* to) { to->push_back(static_cast<int>(to->size())); };
        CHECK(b.post_reentrant(note, &handlers) == status::accepted);
      }
    }
    CHECK(b.stats().queued >= 4);
  }
  catch_up(b);
  CHECK(d.ran == std::vector{96, 97, 98, 99});
  CHECK(handlers.size() == 10);
}

TEST_CASE("a cancelled call keeps its place until the loop, or another call, takes it") {
  diary d;
  bridge b(with_room_for(1, when_full::refuse()));
  {
    const support::held_loop held(b);
    auto first = b.submit(d.note(1));
    CHECK(first.cancel());
    CHECK_THROWS_AS(b.post(d.note(2)), bridge_full);
    b.with(when_full::drop_oldest()).post(d.note(3));
    CHECK_THROWS_AS(first.get(), loopbridge::cancelled);  // as before
  }
  catch_up(b);
  CHECK(d.ran == std::vector{3});
}

TEST_CASE("handlers' calls are not counted: a full bridge takes them, and they leave room") {
  bridge b(with_room_for(2, when_full::refuse()));
  loopbridge::reentrant_call prepaid(b, [] {});
  const support::held_loop held(b);
  for (int n = 0; n < 50; ++n) CHECK(b.post_reentrant([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::accepted);
  CHECK(b.try_post([] {}) == status::full);
  CHECK(b.post_reentrant([] {}) == status::accepted);
  CHECK(prepaid.post() == status::accepted);
}

TEST_CASE("inline: a call on the loop's thread runs there and then, but none inside another") {
  diary d;
  bridge b(with_room_for(1, when_full::run_inline()));
  const auto ran = b.call_for(generous, [&] {
    b.post(d.note(1));  // there is room
    const auto answer = b.submit([&] {
      d.ran.push_back(2);
      CHECK_THROWS_AS(b.post(d.note(3)), bridge_full);
    });
    CHECK(answer.ready());
    b.post(d.note(4));
    return d.ran;
  });
  CHECK(ran == std::vector{2, 4});
  catch_up(b);
  CHECK(d.ran == std::vector{2, 4, 1});
}

TEST_CASE("inline: on any other thread the call is refused") {
  bridge b(with_room_for(1, when_full::run_inline()));
  const support::held_loop held(b);
  b.post([] {});
  CHECK_THROWS_AS(b.post([] {}), bridge_full);
}

TEST_CASE("inline: what such a call throws, it throws there where any call does") {
  const support::error_log log;
  options opts = with_room_for(1, when_full::run_inline());
  opts.on_unhandled_error = log.hook();
  bridge b(opts);
  b.call_for(generous, [&] {
    b.post([] {});
    b.post([] { throw std::runtime_error("posted"); });
    CHECK_THROWS_AS(b.submit([] { throw std::logic_error("submitted"); }).get(), std::logic_error);
  });
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "posted");
}

TEST_CASE(
    "inline, outside the turns of an adopted loop: a stop within runs what is queued, and ends") {
  for (const bool by_handler : {false, true}) {
    CAPTURE(by_handler);
    support::app_loop app;
    diary d;
    bridge b = bridge::adopt(&app.loop, with_room_for(1, when_full::run_inline()));
    b.post(d.note(1));
    b.post([&] {
      d.ran.push_back(2);
      by_handler ? b.stop_reentrant() : b.stop();
      CHECK(b.try_post([] {}) == status::stopped);
      CHECK(d.ran == std::vector{2});
    });
    CHECK(d.ran == std::vector{2, 1});
  }
}

TEST_CASE("a place that a frame took with it when it was left is found again") {
  loopbridge::detail::submission_list list;
  loopbridge::detail::room r(2);
  CHECK(r.claim());
  CHECK(r.claim());  // nothing is pushed
  CHECK(!r.claim());
  CHECK(r.claim_or_wait(list, nullptr) == status::accepted);
  CHECK(r.claimed() == 1);
}
