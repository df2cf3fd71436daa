// completer::on_cancel: see deferred.hpp.
#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/time_out.hpp"

TEST_SUITE_BEGIN("cancel_hook");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using support::generous;

/// A call that waits for `done`, with a hook that counts its runs.
struct hooked_call {
  explicit hooked_call(bridge& b)
      : loop_thread(b.call_for(generous, [] { return std::this_thread::get_id(); })) {}

  deferred<int> begin() {
    done.on_cancel([this, t = support::token(hooks)] {
      ++runs;
      ran_on = std::this_thread::get_id();
    });
    return done.get_deferred();
  }
  void check_ran_once() {
    CHECK(runs == 1);
    CHECK(ran_on.load() == loop_thread);
    check_destroyed_on_loop();
  }
  void check_destroyed_on_loop() {
    CHECK(hooks.alive() == 0);
    CHECK(hooks.destroyed_on.load() == loop_thread);
  }

  const std::thread::id loop_thread;
  completer<int> done;
  std::atomic<int> runs{0};
  std::atomic<std::thread::id> ran_on{};
  support::counts hooks;
};

}  // namespace

TEST_CASE("cancelling from another thread runs the hook once, on the loop") {
  bridge b(support::with_each_doorbell());
  hooked_call call(b);
  const auto answer = b.submit([&] { return call.begin(); });
  support::catch_up(b);
  CHECK(call.runs == 0);
  CHECK(answer.cancel());
  CHECK_FALSE(answer.cancel());
  support::catch_up(b);
  call.check_ran_once();
  CHECK_FALSE(call.done.resolve(1));
}

TEST_CASE("cancelling on the loop runs the hook once") {
  bridge b;
  hooked_call call(b);
  const auto answer = b.submit([&] { return call.begin(); });
  support::catch_up(b);
  CHECK(b.call_for(generous, [&] { return answer.cancel(); }));
  support::catch_up(b);
  call.check_ran_once();
}

TEST_CASE("a call_for that times out runs the hook") {
  bridge b(support::with_each_doorbell());
  hooked_call call(b);
  const support::gate began;
  support::time_out_inside(b, began, [&] {
    began.open();
    return call.begin();
  });
  support::catch_up(b);
  call.check_ran_once();
}

TEST_CASE("a stop runs the hook, and then releases the waiter") {
  std::optional<bridge> b(std::in_place, support::with_each_doorbell());
  hooked_call call(*b);
  const auto answer = b->submit([&] { return call.begin(); });
  support::catch_up(*b);
  b.reset();
  call.check_ran_once();
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::bridge_stopped);
}

TEST_CASE("a cancel asked for while the callable runs takes effect when it returns its deferred") {
  bridge b;
  hooked_call call(b);
  support::gate running, go_on;
  const auto answer = b.submit([&] {
    running.open();
    (void)go_on.wait();
    return call.begin();
  });
  REQUIRE(running.wait());
  CHECK_FALSE(answer.cancel());
  CHECK_FALSE(answer.ready());
  go_on.open();
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::cancelled);
  support::catch_up(b);
  call.check_ran_once();
}

TEST_CASE("a cancel asked for while the callable runs comes too late for one resolved there") {
  bridge b;
  support::gate running, go_on;
  const auto answer = b.submit([&] {
    running.open();
    (void)go_on.wait();
    completer<int> done;
    auto resolved = done.get_deferred();
    done.resolve(8);
    return resolved;
  });
  REQUIRE(running.wait());
  CHECK_FALSE(answer.cancel());
  go_on.open();
  CHECK(answer.get_for(generous) == 8);
}

TEST_CASE("the hook of a call that is answered does not run, and is destroyed on the loop") {
  bridge b;
  hooked_call call(b);
  auto answer = b.submit([&] { return call.begin(); });
  support::catch_up(b);
  SUBCASE("resolved on another thread") {
    CHECK(call.done.resolve(1));
  }
  SUBCASE("resolved on the loop") {
    CHECK(b.call_for(generous, [&] { return call.done.resolve(1); }));
  }
  SUBCASE("rejected") {
    CHECK(call.done.reject(std::runtime_error("x")));
  }
  SUBCASE("broken") {
    const completer<int> gone(std::move(call.done));
  }
  support::catch_up(b);
  CHECK(answer.ready());
  (void)answer.error();
  CHECK(call.runs == 0);
  call.check_destroyed_on_loop();
  CHECK_FALSE(answer.cancel());
  support::catch_up(b);
  CHECK(call.runs == 0);
}

TEST_CASE("a hook that is set when the cancelling is past runs at once") {
  bridge b;
  hooked_call call(b);
  completer<int> done;
  const auto answer = b.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  support::catch_up(b);
  CHECK(answer.cancel());
  support::catch_up(b);
  const bool ran = b.call_for(generous, [&] {
    bool ran_at_once = false;
    done.on_cancel([&] { ran_at_once = true; });
    return ran_at_once;
  });
  CHECK(ran);
}

TEST_CASE("of two hooks the later one counts") {
  bridge b;
  int first = 0, second = 0;
  completer<int> done;
  const auto answer = b.submit([&] {
    done.on_cancel([&] { ++first; });
    done.on_cancel([&] { ++second; });
    return done.get_deferred();
  });
  support::catch_up(b);
  CHECK(answer.cancel());
  support::catch_up(b);
  CHECK(first == 0);
  CHECK(second == 1);
}

TEST_CASE("what a hook throws is reported") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  completer<int> done;
  const auto answer = b.submit([&] {
    done.on_cancel([] { throw std::runtime_error("hook"); });
    return done.get_deferred();
  });
  support::catch_up(b);
  CHECK(answer.cancel());
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].what == "hook");
}

TEST_CASE("a hook may drop or use its own completer, and submit") {
  bridge b;
  std::optional<completer<int>> done(std::in_place);
  support::gate submitted;
  bool resolved = true;
  const auto answer = b.submit([&] {
    done->on_cancel([&] {
      resolved = done->resolve(1);
      done.reset();
      b.post([submitted] { submitted.open(); });
    });
    return done->get_deferred();
  });
  support::catch_up(b);
  CHECK(answer.cancel());
  CHECK(submitted.wait());
  CHECK_FALSE(resolved);
}

TEST_CASE(
    "of resolving and cancelling at the same time one wins, and the hook runs if cancelling did") {
  bridge b(support::with_each_doorbell());
  for (int round = 0; round < 500; ++round) {
    hooked_call call(b);
    const auto answer = b.submit([&] { return call.begin(); });
    support::catch_up(b);
    bool resolved = false;
    std::thread resolver([&]() noexcept { resolved = call.done.resolve(5); });
    const bool cancelled = answer.cancel();
    resolver.join();
    support::catch_up(b);
    REQUIRE(resolved != cancelled);
    REQUIRE(call.runs == (cancelled ? 1 : 0));
    if (resolved) {
      REQUIRE(answer.get_for(generous) == 5);
    } else {
      REQUIRE_THROWS_AS(answer.get_for(generous), loopbridge::cancelled);
    }
    call.check_destroyed_on_loop();
  }
}
