// What a caller gets where the loop is so late that its own wait ends before the client's deadline.
#include "waiting.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("waiting for a client's request");

namespace {

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::clients::call_in_time;
using loopbridge::clients::outcome;
using loopbridge::clients::phase;
using loopbridge::clients::request_timed_out;

struct client {};

struct fixture {
  explicit fixture(const loopbridge::options& opts = {}) : b(opts), c(b, [] { return client(); }) {}

  /// The error of a request that `f` begins.
  template <class F>
  request_timed_out late(std::chrono::milliseconds timeout, F&& f) {
    try {
      (void)call_in_time(c, timeout, "server 10.0.0.7", f, {});
    } catch (const request_timed_out& e) {
      return e;
    }
    throw std::logic_error("it was answered");
  }

  const support::watchdog watchdog;
  bridge b;
  loopbridge::owned<client> c;
};

}  // namespace

TEST_CASE("a request that the loop did not come to was not sent, and never is") {
  fixture f;
  const auto runs = std::make_shared<std::atomic<int>>(0);
  {
    const support::held_loop held(f.b);
    const auto e = f.late(1ms, [runs](client&) { return ++*runs; });
    CHECK(e.result() == outcome::not_sent);
    CHECK(e.phase() == phase::queued);
    CHECK(e.after() >= 1ms);
    const std::string text = e.what();
    CAPTURE(text);
    CHECK(text.starts_with("server 10.0.0.7: timed out, as the loop was late"));
  }
  support::catch_up(f.b);
  CHECK(*runs == 0);
}

TEST_CASE("what became of one that the loop has begun, and is held up in, is not known") {
  fixture f;
  const support::gate go_on;
  const auto begun = std::make_shared<std::atomic<bool>>(false);
  const auto e = f.late(300ms, [=](client&) {
    *begun = true;
    (void)go_on.wait();
    return 1;
  });
  // On a machine that did not let the loop begin in time it was not sent, which is as true.
  CHECK(e.result() == (*begun ? outcome::unknown : outcome::not_sent));
  CHECK(e.phase() == (*begun ? phase::waiting : phase::queued));
  go_on.open();
}

TEST_CASE("nor of one that was begun and is not answered") {
  fixture f;
  completer<int> silent;
  const auto begun = std::make_shared<std::atomic<bool>>(false);
  const auto e = f.late(300ms, [&silent, begun](client&) {
    *begun = true;
    return silent.get_deferred();
  });
  CHECK(e.result() == (*begun ? outcome::unknown : outcome::not_sent));
}

TEST_CASE("one that a full bridge had no room for was not sent") {
  fixture f(support::with_capacity(1));
  const support::held_loop held(f.b);
  f.b.post([] {});
  const auto e = f.late(1ms, [](client&) { return 1; });
  CHECK(e.result() == outcome::not_sent);
  CHECK(std::string(e.what()).find("the bridge was full") != std::string::npos);
}

TEST_CASE("what a request ends with in time is its caller's, an error too") {
  fixture f;
  CHECK(call_in_time(f.c, 20s, "", [](client&) { return 7; }, {}) == 7);
  CHECK(call_in_time(f.c, 1h * 24 * 365 * 292, "", [](client&) { return 7; }, {}) == 7);
  const auto fails = [](client&) -> int { throw std::domain_error("no"); };
  CHECK_THROWS_AS(call_in_time(f.c, 20s, "", fails, {}), std::domain_error);
  f.b.stop();
  CHECK_THROWS_AS(call_in_time(f.c, 20s, "", fails, {}), loopbridge::bridge_stopped);
}
