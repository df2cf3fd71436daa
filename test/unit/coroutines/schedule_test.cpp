#include <doctest/doctest.h>

#include <exception>
#include <functional>
#include <loopbridge/coroutines/schedule.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("schedule");

namespace {

using loopbridge::bridge;
using support::gate;
using support::generous;

/// A coroutine of somebody else's: begins at once, and nobody awaits it.
struct foreign {
  struct promise_type {
    foreign get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// One that lets exceptions through, and leaves its frame to the test.
struct leaky {
  struct promise_type {
    leaky get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> frame;
};

struct thread_executor {
  template <class F>
  void post(F f) {
    thread = std::thread([f]() mutable noexcept { f(); });
  }
  std::thread thread;
};
struct refusing_executor {
  template <class F>
  void post(F) {
    throw std::runtime_error("full");
  }
};

}  // namespace

TEST_CASE("schedule() moves a coroutine onto the loop, in its turn") {
  bridge b;
  gate done;
  bool before = true;
  bool after = false;
  int earlier = 0;
  const auto run = [&]() -> foreign {
    before = b.on_loop_thread();
    b.post([&] { earlier = 1; });
    co_await schedule(b);
    after = b.on_loop_thread() && earlier == 1;
    done.open();
  };
  run();
  REQUIRE(done.wait());
  CHECK_FALSE(before);
  CHECK(after);
}

TEST_CASE("a coroutine on a loop comes back to it from a call of another bridge") {
  bridge b;
  bridge other;
  gate done;
  int result = 0;
  bool came_back = false;
  const auto run = [&]() -> foreign {
    co_await schedule(b);
    result = co_await other.submit([] { return 6; });
    came_back = b.on_loop_thread();
    const auto kept = other.submit([] { return 1; });
    result += co_await kept;
    came_back = came_back && b.on_loop_thread();
    done.open();
  };
  run();
  REQUIRE(done.wait());
  CHECK(result == 7);
  CHECK(came_back);
}

TEST_CASE("a coroutine on an ordinary thread goes on where the call ends, or where it says") {
  bridge b;
  bridge other;
  gate done;
  gate hold;
  bool on_b = false;
  bool on_other = false;
  bool on_thread = false;
  thread_executor threads;
  const auto run = [&]() -> foreign {
    co_await b.submit([&] { return hold.wait(); });
    on_b = b.on_loop_thread();
    co_await loopbridge::resume_on(other, b.submit([] { return 1; }));
    on_other = other.on_loop_thread();
    co_await loopbridge::resume_on(threads, b.submit([] {}));
    on_thread = !b.on_loop_thread() && !other.on_loop_thread();
    done.open();
  };
  run();
  hold.open();
  REQUIRE(done.wait());
  b.call([] {});  // by which post() has returned
  threads.thread.join();
  CHECK(on_b);
  CHECK(on_other);
  CHECK(on_thread);
}

TEST_CASE("an executor that refuses does not lose the coroutine") {
  bridge b;
  gate done;
  refusing_executor full;
  const auto run = [&]() -> foreign {
    co_await loopbridge::resume_on(full, b.submit([] {}));
    done.open();
  };
  run();
  CHECK(done.wait());
}

TEST_CASE("a bridge that is to go on with a coroutine does so as it stops, too") {
  std::optional<bridge> to(support::refusing());
  bridge b;
  const support::held_loop held(*to);
  int done = 0;
  const auto run = [&]() -> foreign {
    done = co_await loopbridge::resume_on(*to, b.submit([] { return 1; }));
  };
  run();
  b.call([] {});
  to->stop_reentrant();
  held.release();
  to.reset();
  CHECK(done == 1);
}

TEST_CASE("a stopped bridge refuses; one that stops meanwhile ends the wait") {
  gate done;
  bool refused_late = false;
  {
    bridge b(support::refusing());
    const support::held_loop held(b);
    const auto run = [&]() -> foreign {
      try {
        co_await schedule(b);
      } catch (const loopbridge::bridge_stopped&) {
        refused_late = true;
      }
      done.open();
    };
    run();
    std::thread stopper([&]() noexcept { b.stop(); });
    support::until_stopped(b);
    held.release();
    stopper.join();
    REQUIRE(done.wait());
    CHECK(refused_late);
    bool refused = false;
    const auto late = [&]() -> foreign {
      try {
        co_await schedule(b);
      } catch (const loopbridge::bridge_stopped&) {
        refused = true;
      }
    };
    late();
    CHECK(refused);
  }
}

TEST_CASE("what a coroutine lets through on the loop is reported, not lost") {
  gate reported;
  loopbridge::options opts;
  opts.on_unhandled_error = [&](const loopbridge::unhandled_error&) { reported.open(); };
  bridge b(std::move(opts));
  const auto run = [&]() -> leaky {
    co_await schedule(b);
    throw std::runtime_error("out of it");
  };
  const leaky coroutine = run();
  CHECK(reported.wait());
  b.call([] {});
  coroutine.frame.destroy();
}

TEST_CASE("so is what it lets through when it goes on after a call") {
  gate reported;
  loopbridge::options opts;
  opts.on_unhandled_error = [&](const loopbridge::unhandled_error&) { reported.open(); };
  bridge b(std::move(opts));
  gate suspended;
  const auto run = [&]() -> leaky {
    co_await b.submit([&] {
      (void)suspended.wait();
      throw std::runtime_error("no");
    });
  };
  const leaky coroutine = run();
  suspended.open();
  CHECK(reported.wait());
  b.call([] {});
  coroutine.frame.destroy();
}

TEST_CASE("a failed call throws in the coroutine that awaits it") {
  bridge b;
  gate done;
  bool thrown = false;
  const auto run = [&]() -> foreign {
    try {
      co_await b.submit([]() -> int { throw std::logic_error("no"); });
    } catch (const std::logic_error&) {
      thrown = true;
    }
    done.open();
  };
  run();
  REQUIRE(done.wait());
  CHECK(thrown);
}
