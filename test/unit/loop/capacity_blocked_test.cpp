// options::capacity: calls that wait for room, and everything that may end such a wait.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>

#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/held_loop.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("capacity: waits for room");

using loopbridge::bridge;
using loopbridge::bridge_full;
using loopbridge::bridge_stopped;
using loopbridge::options;
using loopbridge::status;
using loopbridge::timed_out;
using loopbridge::would_deadlock;
using namespace std::chrono_literals;
using support::generous;
using support::producers;
using support::until_blocked;
using support::with_capacity;

TEST_CASE("all submitters that wait for room go on when it appears, by whatever call") {
  const support::watchdog no_hang;
  bridge b(with_capacity(2));
  std::atomic<int> ran{0};
  const auto run = [&ran] { ++ran; };
  support::held_loop held(b);
  b.post(run);
  b.post(run);
  producers posting(b, 4, [&] { b.post(run); });
  std::thread submit([&]() noexcept { b.submit(run).get(); });
  std::thread call([&]() noexcept { b.call(run); });
  std::thread call_for([&]() noexcept { b.call_for(generous, run); });
  until_blocked(b, 7);
  CHECK(b.stats().queued == 2);
  held.release();
  posting.join();
  for (std::thread* t : {&submit, &call, &call_for}) t->join();
  b.call([] {});
  CHECK(ran == 9);
  CHECK(b.stats().blocked == 0);
  CHECK(b.stats().refused == 0);
}

TEST_CASE("as many go on as there is room for, though the loop is stuck again in its next call") {
  const support::watchdog no_hang;
  bridge b(with_capacity(5));
  const support::gate go_on;
  support::held_loop held(b);
  b.post([go_on] { (void)go_on.wait(); });
  for (int n = 1; n < 5; ++n) b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  held.release();
  p.join();  // the loop is in the first of those that were queued
  CHECK(p.through == 5);
  CHECK(support::comes_true([&] { return b.stats().queued == 9; }));  // one is running, at last
  go_on.open();
}

TEST_CASE("a hundred producers of a bridge with one place all get it in turn") {
  const support::watchdog no_hang;
  bridge b(with_capacity(1));
  std::atomic<int> ran{0};
  support::held_loop held(b);
  b.post([&] { ++ran; });
  producers p(b, 100, [&] { b.post([&] { ++ran; }); });
  held.release();
  p.join();
  CHECK(p.through == 100);
  b.call([] {});
  CHECK(ran == 101);
}

TEST_CASE("patience ends: the call is refused as full; call_for's own deadline is timed_out") {
  options opts = with_capacity(1);
  support::counts counts;
  const auto callable = [&counts] { return [t = support::token(counts)] {}; };
  {
    bridge patient(opts);
    const support::held_loop held(patient);
    patient.post([] {});
    CHECK_THROWS_AS(patient.call_for(1ms, callable()), timed_out);
    CHECK(patient.stats().refused == 1);
  }
  opts.patience = 1ms;
  bridge b(opts);
  const support::held_loop held(b);
  b.post([] {});
  CHECK_THROWS_AS(b.post(callable()), bridge_full);
  CHECK_THROWS_AS((void)b.submit(callable()), bridge_full);
  CHECK_THROWS_AS(b.call(callable()), bridge_full);
  CHECK_THROWS_AS(b.call_for(generous, callable()), bridge_full);
  CHECK(counts.made == 5);
  CHECK(counts.alive() == 0);
  CHECK(b.stats().refused == 4);
  CHECK(b.stats().queued == 1);
  CHECK(b.stats().blocked == 0);
}

TEST_CASE("a stop releases all submitters that wait for room, while the loop is still stuck") {
  const support::watchdog no_hang;
  options opts = with_capacity(1);
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  SUBCASE("what is queued runs") {}
  SUBCASE("what is queued is refused") {
    opts.on_stop = loopbridge::queued_calls::refuse;
  }
  bridge b(opts);
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  std::thread stopper([&]() noexcept { b.stop(); });
  p.join();  // the loop is held
  CHECK(p.stopped == 5);
  held.release();
  stopper.join();
}

TEST_CASE("a handler's stop has the loop release all submitters that wait for room") {
  const support::watchdog no_hang;
  bridge b(with_capacity(1));
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  b.stop_reentrant();
  held.release();
  p.join();
  CHECK(p.stopped + p.through == 5);
}

TEST_CASE("an adopted loop that nobody runs any more releases them at a stop elsewhere") {
  const support::watchdog no_hang;
  support::app_loop app;
  options opts = with_capacity(1);
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  bridge b = bridge::adopt(&app.loop, opts);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  std::thread([&]() noexcept { b.stop(); }).join();
  p.join();
  CHECK(p.stopped == 5);
  b.stop();
}

TEST_CASE("on the loop's thread nobody waits for room, and the error names the way out") {
  bridge b(with_capacity(1));
  std::string message;
  b.call([&] {
    b.post([] {});
    try {
      b.post([] {});
    } catch (const would_deadlock& e) {
      message = e.what();
    }
    CHECK_THROWS_AS((void)b.submit([] {}), would_deadlock);
    CHECK(b.try_post([] {}) == status::bridge_full);
  });
  CHECK(message.find("try_post") != std::string::npos);
  b.call([] {});
  CHECK(b.stats().refused == 3);
}

TEST_CASE("loops that would wait for room in each other are told so, not hung") {
  const support::watchdog no_hang;
  bridge a(with_capacity(1));
  bridge b(with_capacity(1));
  std::atomic<int> refused{0};
  std::atomic<int> inside{0};
  const auto fill_other = [&](bridge& other) {
    ++inside;
    if (!support::comes_true([&] { return inside == 2; })) return;
    try {
      other.post([] {});
      other.post([] {});
    } catch (const would_deadlock&) {
      ++refused;
    }
  };
  const auto one = a.submit([&] { fill_other(b); });
  const auto two = b.submit([&] { fill_other(a); });
  one.get();
  two.get();
  CHECK(refused >= 1);
}
