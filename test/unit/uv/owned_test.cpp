#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/timer.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("owned");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::owned;
using support::generous;

namespace {

/// Neither copied nor moved, with a handle of its own.
class client {
 public:
  client(loop_ref loop, support::counts& counts)
      : alive_(counts), made_on_(std::this_thread::get_id()), pulse_(loop, [] {}) {
    pulse_.start(1h, 1h);
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  int add(int n) { return sum_ += n; }
  int sum() const { return sum_; }
  int next() { return add(1); }
  std::thread::id made_on() const { return made_on_; }

 private:
  support::token alive_;
  std::thread::id made_on_;
  loopbridge::timer pulse_;
  int sum_ = 0;
};

struct scene {
  owned<client> make() {
    return owned<client>(b, [this](loop_ref loop) { return client(loop, counts); });
  }
  std::thread::id loop_thread() {
    return b.call([] { return std::this_thread::get_id(); });
  }
  /// All that was let go before is gone.
  int alive() {
    support::catch_up(b);
    return counts.alive();
  }

  const support::watchdog no_hang;
  support::counts counts;
  support::error_log log;
  bridge b{support::reporting_to(log)};
};

}  // namespace

TEST_CASE("the object is made, used and destroyed on the loop; it is never moved") {
  scene s;
  {
    owned<client> c = s.make();
    CHECK(c.call([](client& h) { return h.made_on(); }) == s.loop_thread());
    CHECK(c.call([](client& h) { return &h; }) == c.call([](client& h) { return &h; }));
    CHECK(s.counts.made == 1);
    CHECK(s.alive() == 1);
  }
  CHECK(s.alive() == 0);
  CHECK(s.counts.destroyed_on.load() == s.loop_thread());
}

TEST_CASE("every verb of a bridge calls with the object, and with the loop if it is asked for") {
  scene s;
  owned<client> c = s.make();
  c.post([](client& h) { h.add(1); });
  CHECK(c.try_post([](client& h) { h.add(10); }) == loopbridge::status::accepted);
  CHECK(c.submit([](client& h) { return h.add(100); }).get_for(generous) == 111);
  auto tried = c.try_submit([](client& h, loop_ref) { return h.add(1000); });
  REQUIRE(tried);
  CHECK(std::move(tried).answer().get_for(generous) == 1111);
  CHECK(c.call(&client::next) == 1112);
  CHECK(c.call_for(generous, &client::sum) == 1112);
  uv_loop_t* const loop = s.b.call([](loop_ref l) { return l.get(); });
  CHECK(c.call([](client&, loop_ref l) { return l.get(); }) == loop);
  CHECK_THROWS_AS(c.call([](client&) { throw std::runtime_error("no"); }), std::runtime_error);
  c.post([](client&) { throw std::runtime_error("posted"); });
  support::catch_up(s.b);
  REQUIRE(s.log.size() == 1);
  CHECK(s.log.entries()[0].what == "posted");
  CHECK(s.log.entries()[0].file.find("owned_test.cpp") != std::string::npos);
}

TEST_CASE(
    "the function that makes it may take nothing, and what it throws arrives; nothing is left") {
  scene s;
  owned text(s.b, [] { return std::string("made"); });
  CHECK(text.call([](std::string& t) { return t; }) == "made");
  CHECK_THROWS_AS(owned<client>(s.b,
                                [&](loop_ref loop) -> client {
                                  const client half(loop, s.counts);
                                  throw std::runtime_error("refused");
                                }),
                  std::runtime_error);
  CHECK(s.alive() == 0);
}

TEST_CASE("on the loop's own thread it is made at once") {
  scene s;
  std::optional<owned<client>> c;
  s.b.call([&] {
    c.emplace(s.b, [&](loop_ref loop) { return client(loop, s.counts); });
    CHECK(s.counts.alive() == 1);
    CHECK_THROWS_AS(c->call([](client&) {}), loopbridge::would_deadlock);
    c->post([](client& h) { h.add(5); });
  });
  CHECK(c->call(&client::sum) == 5);
  s.b.call([&] {
    s.b.stop();
    CHECK_THROWS_AS(s.make(), loopbridge::bridge_stopped);
  });
}

TEST_CASE(
    "a bridge_ref is enough to make one, on the loop and elsewhere, and refuses after the end") {
  std::optional<scene> s(std::in_place);
  const loopbridge::bridge_ref ref(s->b);
  const auto one = [] { return 1; };
  CHECK(owned(ref, one).call([](int& n) { return n; }) == 1);
  s->b.call([&] { CHECK(owned<int>(loopbridge::bridge::current(), one)); });
  s.reset();
  CHECK_THROWS_AS(owned<int>(ref, one), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(owned<int>(loopbridge::bridge_ref(), one), loopbridge::no_state);
}

TEST_CASE("calls that were submitted before its owner's end find it alive") {
  scene s;
  std::optional<owned<client>> c(s.make());
  int ran = 0;
  {
    const support::held_loop held(s.b);
    for (int n = 0; n < 100; ++n) {
      c->post([&](client& h) {
        CHECK(s.counts.alive() == 1);
        ran = h.add(1);
      });
    }
    c.reset();
  }
  CHECK(s.alive() == 0);
  CHECK(ran == 100);
}

TEST_CASE("its owner ends in a function that runs on it: it lasts until that returns") {
  scene s;
  int alive_then = 0;
  const auto end_in = [&](auto&& with) {
    std::optional<owned<client>> c(s.make());
    const support::gate over;
    with(*c, [&, over](client&, loop_ref loop) {
      c.reset();
      for (int turn = 0; turn < 3; ++turn) uv_run(loop, UV_RUN_NOWAIT);  // runs what is queued
      alive_then = s.counts.alive();
      over.open();
    });
    REQUIRE(over.wait());
    CHECK(s.alive() == 0);
    CHECK(std::exchange(alive_then, 0) == 1);
    CHECK_FALSE(c.has_value());
  };
  end_in([](auto& c, auto f) { c.post(std::move(f)); });
  end_in([](auto& c, auto f) { c.submit(std::move(f)).get_for(generous); });
  end_in([](auto& c, auto f) { c.call(std::move(f)); });
  end_in([](auto& c, auto f) { c.call_for(generous, std::move(f)); });
}

TEST_CASE("a task that uses it keeps it until the task has ended") {
  scene s;
  std::optional<owned<client>> c(s.make());
  loopbridge::completer<int> later;
  auto answer = c->submit([d = later.get_deferred()](client& h) mutable -> loopbridge::task<int> {
    const int n = co_await std::move(d);
    co_return h.add(n);
  });
  c.reset();
  CHECK(s.alive() == 1);
  later.resolve(7);
  CHECK(answer.get_for(generous) == 7);
  CHECK(s.alive() == 0);
}

TEST_CASE("a task that is cancelled lets go of it") {
  scene s;
  std::optional<owned<client>> c(s.make());
  auto answer = c->submit([](client&) -> loopbridge::task<> { co_await loopbridge::delay(1h); });
  c.reset();
  CHECK(s.alive() == 1);
  CHECK(answer.cancel());
  CHECK(s.alive() == 0);
}

TEST_CASE("a call that is cancelled in the queue does not touch it") {
  scene s;
  std::optional<owned<client>> c(s.make());
  loopbridge::eventual<int> answer;
  {
    const support::held_loop held(s.b);
    answer = c->submit(&client::next);
    CHECK(answer.cancel());
    c.reset();
  }
  CHECK(s.alive() == 0);
}

TEST_CASE("the owner moves, and what was moved from says so; an owner that is replaced ends") {
  scene s;
  owned<client> one = s.make();
  owned<client> two(std::move(one));
  CHECK(two);
  CHECK_FALSE(one);
  CHECK_THROWS_AS(one.post([](client&) {}), loopbridge::no_state);
  CHECK_THROWS_AS(one.call([](client&) {}), loopbridge::no_state);
  CHECK(one.try_post([](client&) {}) == loopbridge::status::bridge_stopped);
  CHECK_FALSE(bool(one.try_submit([](client&) {})));
  CHECK(s.alive() == 1);
  two = s.make();
  CHECK(s.alive() == 1);
  one = std::move(two);
  CHECK(s.alive() == 1);
  CHECK(one.call(&client::next) == 1);
}

TEST_CASE("a destructor that throws is reported, with the place of the owner") {
  struct thrower {
    ~thrower() noexcept(false) { throw std::runtime_error("in the destructor"); }
  };
  scene s;
  {
    owned<thrower> t(s.b, [] { return thrower(); });
  }
  support::catch_up(s.b);
  REQUIRE(s.log.size() == 1);
  CHECK(s.log.entries()[0].what == "in the destructor");
  CHECK(s.log.entries()[0].file.find("owned_test.cpp") != std::string::npos);
}
