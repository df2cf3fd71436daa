#include "loop/wait_graph.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>

#include "support/app_loop.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("wait_graph");

namespace {

using loopbridge::bridge;
using loopbridge::options;
using support::generous;

options named(const char* name) {
  options opts;
  opts.name = name;
  return opts;
}

/// What `wait` was refused with; empty if it was not.
std::string refusal_of(const std::function<void()>& wait) {
  try {
    wait();
  } catch (const loopbridge::would_deadlock& e) {
    return e.what();
  }
  return {};
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every wait for a loop on its own thread is refused, and names the loop") {
  bridge b(named("alpha"));
  const support::watchdog dog;
  const std::function<void()> waits[] = {
      [&] { b.call([] {}); },          [&] { b.call_for(generous, [] {}); },
      [&] { b.submit([] {}).get(); },  [&] { b.submit([] {}).get_for(generous); },
      [&] { b.submit([] {}).wait(); }, [&] { (void)b.submit([] {}).wait_for(generous); },
  };
  for (const auto& wait : waits) {
    const std::string message = b.call_for(generous, [&] { return refusal_of(wait); });
    CHECK(contains(message, "'alpha' on its own loop thread"));
    CHECK(contains(message, "post() or submit()"));
  }
}

TEST_CASE("a wait that is refused has submitted nothing") {
  bridge b;
  bool ran = false;
  b.call_for(generous, [&] {
    CHECK_THROWS_AS(b.call([&] { ran = true; }), loopbridge::would_deadlock);
    CHECK_THROWS_AS(b.call_for(generous, [&] { ran = true; }), loopbridge::would_deadlock);
  });
  support::catch_up(b);
  CHECK_FALSE(ran);
}

TEST_CASE("a cycle of two loops is refused, whatever the wait, and named in full") {
  bridge a(named("alpha"));
  bridge b(named("beta"));
  const support::watchdog dog;
  const std::function<void()> waits[] = {
      [&] { a.call([] {}); },
      [&] { a.call_for(generous, [] {}); },
      [&] { a.submit([] {}).get(); },
      [&] { (void)a.submit([] {}).wait_for(generous); },
  };
  for (const auto& wait : waits) {
    const std::string message =
        a.call_for(generous, [&] { return b.call([&] { return refusal_of(wait); }); });
    CHECK(contains(message, "'beta' -> 'alpha' -> 'beta'"));
    CHECK(contains(message, "on a loop thread do not wait"));
  }
  CHECK(a.call_for(generous, [] { return 1; }) == 1);  // both go on
  CHECK(b.call_for(generous, [] { return 2; }) == 2);
}

TEST_CASE("a cycle of three loops is refused and named in full") {
  bridge a(named("alpha"));
  bridge b(named("beta"));
  bridge c(named("gamma"));
  const support::watchdog dog;
  const std::string message = a.call_for(generous, [&] {
    return b.call([&] { return c.call([&] { return refusal_of([&] { a.call([] {}); }); }); });
  });
  CHECK(contains(message, "'gamma' -> 'alpha' -> 'beta' -> 'gamma'"));
}

TEST_CASE("a cycle may begin at the loop behind a waiting one") {
  bridge a(named("alpha"));
  bridge b(named("beta"));
  bridge c(named("gamma"));
  const support::watchdog dog;
  const std::string message = a.call_for(generous, [&] {
    return b.call([&] { return c.call([&] { return refusal_of([&] { b.call([] {}); }); }); });
  });
  CHECK(contains(message, "'gamma' -> 'beta' -> 'gamma'"));
  CHECK_FALSE(contains(message, "alpha"));
}

TEST_CASE("loops may wait for each other in a chain, and for the same loop at once") {
  bridge a, b, c;
  const support::watchdog dog;
  CHECK(a.call([&] { return b.call([&] { return c.call([] { return 3; }); }); }) == 3);
  auto from_a = a.submit([&] { return c.call([] { return 1; }); });
  auto from_b = b.submit([&] { return c.call([] { return 2; }); });
  CHECK(from_a.get_for(generous) == 1);
  CHECK(from_b.get_for(generous) == 2);
}

TEST_CASE("loops may wait for each other one after the other") {
  bridge a, b;
  const support::watchdog dog;
  for (int i = 0; i < 50; ++i) {
    CHECK(a.call([&] { return b.call([] { return 1; }); }) == 1);
    CHECK(b.call([&] { return a.call([] { return 2; }); }) == 2);
  }
}

TEST_CASE("in a cycle an answer that is there may be read, and work handed over") {
  bridge a, b;
  const support::watchdog dog;
  auto answered = a.submit([] { return 5; });
  REQUIRE(answered.wait_for(generous));
  support::gate handed_over;
  const int read = a.call([&] {
    return b.call([&] {
      a.post([handed_over] { handed_over.open(); });
      return answered.get();
    });
  });
  CHECK(read == 5);
  CHECK(handed_over.wait());
}

TEST_CASE("when two loops close a cycle at the same moment, at least one of them is told") {
  bridge a, b;
  const support::watchdog dog;
  for (int round = 0; round < 300; ++round) {
    std::barrier<> together(2);
    const auto wait_for = [&](bridge& other) {
      together.arrive_and_wait();
      return !refusal_of([&] { other.call([] {}); }).empty();
    };
    auto from_a = a.submit([&] { return wait_for(b); });
    auto from_b = b.submit([&] { return wait_for(a); });
    const bool a_told = from_a.get_for(generous);
    const bool b_told = from_b.get_for(generous);
    REQUIRE((a_told || b_told));
  }
}

TEST_CASE("stop() in a cycle is refused, and the bridge ends all the same") {
  std::optional<bridge> a(std::in_place, named("alpha"));
  bridge b(named("beta"));
  const support::watchdog dog;
  const std::string message =
      a->call_for(generous, [&] { return b.call([&] { return refusal_of([&] { a->stop(); }); }); });
  CHECK(contains(message, "'beta' -> 'alpha' -> 'beta'"));
  CHECK(a->stop_requested());
  a->stop();  // from here there is nothing in the way
  CHECK_THROWS_AS(a->post([] {}), loopbridge::bridge_stopped);
}

TEST_CASE("a bridge destroyed in a cycle ends by itself") {
  const support::watchdog dog;
  std::optional<bridge> a(std::in_place);
  bridge b;
  support::gate go_on;
  auto inner = a->submit([&] {
    b.call([&] { a.reset(); });
    return 7;
  });
  CHECK(inner.get_for(generous) == 7);
  CHECK_FALSE(a.has_value());
}

TEST_CASE("a name that is long is cut in messages") {
  const std::string long_name(100, 'x');
  bridge a(named(long_name.c_str()));
  bridge b(named("beta"));
  const support::watchdog dog;
  const std::string message = a.call_for(
      generous, [&] { return b.call([&] { return refusal_of([&] { a.call([] {}); }); }); });
  CHECK(contains(message, ("-> '" + std::string(32, 'x') + "' ->").c_str()));
}

TEST_CASE("a loop is not taken for one that has ended, whose thread it may have inherited") {
  const support::watchdog dog;
  bridge ended(named("ended"));
  auto answer = ended.submit([] { return 1; });
  REQUIRE(answer.wait_for(generous));
  ended.stop();
  for (int i = 0; i < 4; ++i) {  // the new thread's id and vertex are the ended one's, most likely
    bridge fresh(named("fresh"));
    fresh.call_for(generous, [&] {
      CHECK_FALSE(ended.on_loop_thread());
      CHECK_THROWS_AS(ended.call([] {}), loopbridge::bridge_stopped);
      CHECK_THROWS_AS(ended.call_for(generous, [] {}), loopbridge::bridge_stopped);
      CHECK_NOTHROW(ended.stop());
      CHECK(answer.get() == 1);
    });
  }
}

TEST_CASE("a wait that began before a loop's thread did is found") {
  // On one CPU, so that the new thread mostly begins when its maker waits.
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::array<std::string, 20> inner;
  std::atomic<std::size_t> inner_ended = 0;
  bridge a(named("alpha"));
  for (std::size_t n = 0; n < inner.size(); ++n) {
    // Whoever looks last sees the circle: alpha as it waits, alpha as it ends beta, which then does
    // not wait for beta's end, or beta. It may be more than one of them.
    const std::string outer = a.call_for(generous, [&] {
      bridge b(named("beta"));
      return refusal_of([&] {
        b.call_for(generous, [&, n] {
          inner[n] = refusal_of([&] { a.call_for(support::generous / 4, [] {}); });
          ++inner_ended;
        });
      });
    });
    REQUIRE(support::comes_true([&] { return inner_ended == n + 1; }));
    const std::string message = outer + inner[n];
    CHECK(contains(message, "alpha"));
    CHECK(contains(message, "beta"));
  }
  REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
}

TEST_CASE("a wait that began before an adopted loop's first turn is found, on any thread") {
  const support::watchdog dog;
  bridge own(named("own"));
  support::app_loop app;
  bridge adopted = bridge::adopt(&app.loop, named("adopted"));  // here, but it runs elsewhere
  std::string message;
  own.post(
      [&] { adopted.call([&] { message = refusal_of([&] { own.call_for(generous, [] {}); }); }); });
  REQUIRE(support::comes_true(
      [&] { return loopbridge::detail::bridge_access::core(adopted).waiting() == 1; }));
  std::thread runner([&]() noexcept {
    uv_run(&app.loop, UV_RUN_DEFAULT);
    adopted.stop();
  });
  runner.join();
  own.call([] {});
  CHECK(contains(message, "'adopted' -> 'own' -> 'adopted'"));
}
