// A bridge that is turned by hand, with a clock of its own.
#include "loopbridge/testing/manual_bridge.hpp"

#include <doctest/doctest.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/gate.hpp"
#include "support/in_child.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("manual_bridge");

using loopbridge::bridge;
using loopbridge::eventual;
using loopbridge::manual_bridge;
using loopbridge::options;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

/// A timer as users have them. It is closed before its loop is.
class timer {
 public:
  timer(manual_bridge& m, std::function<void()> ring) : of_(m), ring_(std::move(ring)) {
    uv_timer_init(m.loop(), &timer_);
    timer_.data = this;
  }
  ~timer() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    of_.run_until_idle();
  }
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  void start(milliseconds timeout, milliseconds repeat = 0ms) {
    uv_timer_start(
        &timer_, [](uv_timer_t* t) { static_cast<timer*>(t->data)->ring_(); },
        static_cast<std::uint64_t>(timeout.count()), static_cast<std::uint64_t>(repeat.count()));
  }
  void again() { uv_timer_again(&timer_); }
  void stop() { uv_timer_stop(&timer_); }

 private:
  manual_bridge& of_;
  std::function<void()> ring_;
  uv_timer_t timer_{};
};

/// What rang, and when.
struct diary {
  manual_bridge& m;
  std::vector<std::string> lines;

  std::function<void()> note(const std::string& what) {
    return [this, what] { lines.push_back(what + std::to_string(m.now().count())); };
  }
};
using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("calls run when the test says so, on its thread, in order") {
  manual_bridge m;
  bridge& b = m.bridge();
  std::string ran;
  b.post([&] { ran += 'a'; });
  eventual<std::thread::id> there = b.submit([&] {
    ran += 'b';
    b.post([&] { ran += 'c'; });
    return std::this_thread::get_id();
  });
  CHECK(ran.empty());
  CHECK_FALSE(there.ready());
  m.run_until_idle();
  CHECK(ran == "abc");
  CHECK(there.get() == std::this_thread::get_id());
  CHECK(b.on_loop_thread());
}

TEST_CASE("a turn at a time: what a call posts runs in the next") {
  manual_bridge m;
  bridge& b = m.bridge();
  std::string ran;
  b.post([&] {
    ran += 'a';
    b.post([&] { ran += 'b'; });
  });
  CHECK(m.run_once());
  CHECK(ran == "a");
  (void)m.run_once();
  CHECK(ran == "ab");
  m.run_until_idle();
  CHECK_FALSE(m.run_once());
}

TEST_CASE("timers fire when the time has passed that the test lets pass, and no earlier") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  t.start(1h);
  m.advance(1h - 1ms);
  CHECK(d.lines.empty());
  m.advance(1ms);
  CHECK(d.lines == lines{"rang at 3600000"});
  m.advance(24h);
  CHECK(d.lines.size() == 1);
  CHECK(m.now() == 25h);
}

TEST_CASE("real time fires no timer, however much of it passes") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  const auto real_time_passes = [&] {
    const auto until = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
  t.start(10ms);
  SUBCASE("before a turn") {
    real_time_passes();
    m.run_until_idle();
  }
  SUBCASE("after one") {
    m.run_until_idle();
    real_time_passes();
    m.run_until_idle();
  }
  SUBCASE("in a call, after it has started the timer") {
    m.bridge().post([&] {
      t.start(10ms);
      real_time_passes();
    });
    m.run_until_idle();
    m.run_until_idle();
  }
  SUBCASE("in a timer's callback, after it has started the timer") {
    timer starts(m, [&] {
      t.start(10ms);
      real_time_passes();
    });
    starts.start(0ms);
    m.run_until_idle();
  }
  CHECK(d.lines.empty());
  m.advance(10ms);
  CHECK(d.lines == lines{"rang at 10"});
}

TEST_CASE(
    "timers fire in the order of their times, each at its own; those of one time as started") {
  manual_bridge m;
  diary d{m, {}};
  timer a(m, d.note("a"));
  timer b(m, d.note("b"));
  timer c(m, d.note("c"));
  timer e(m, d.note("e"));
  c.start(5ms);
  e.start(7ms);
  b.start(5ms);
  m.run_until_idle();
  m.advance(2ms);
  a.start(3ms);
  m.advance(10ms);
  CHECK(d.lines == lines{"c5", "b5", "a5", "e7"});
}

TEST_CASE("a timer that repeats, one that starts others, and calls that do, are on time") {
  manual_bridge m;
  diary d{m, {}};
  timer repeats(m, d.note("r"));
  timer late(m, d.note("l"));
  timer starts(m, [&] {
    late.start(4ms);
    m.bridge().post([&] { d.note("p")(); });
  });
  repeats.start(3ms, 5ms);
  starts.start(6ms);
  m.bridge().post(d.note("q"));
  m.advance(13ms);
  CHECK(d.lines == lines{"q0", "r3", "p6", "r8", "l10", "r13"});
  repeats.again();
  m.advance(5ms);
  CHECK(d.lines.back() == "r18");
  repeats.stop();
  m.advance(1h);
  CHECK(d.lines.back() == "r18");
}

TEST_CASE("a timer started by I/O, or by a close callback, counts from that moment") {
  manual_bridge m;
  diary d{m, {}};
  timer by_io(m, d.note("io"));
  timer by_close(m, d.note("close"));
  m.advance(100ms);
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  uv_poll_t watched;
  std::pair<timer*, timer*> both{&by_io, &by_close};
  uv_poll_init(m.loop(), &watched, ends[0]);
  watched.data = &both;
  uv_poll_start(&watched, UV_READABLE, [](uv_poll_t* p, int, int) {
    static_cast<std::pair<timer*, timer*>*>(p->data)->first->start(10ms);
    uv_close(reinterpret_cast<uv_handle_t*>(p), [](uv_handle_t* h) {
      static_cast<std::pair<timer*, timer*>*>(h->data)->second->start(20ms);
    });
  });
  m.run_until_idle();
  uv_check_t late;  // makes it readable when the turn has looked at I/O already
  uv_check_init(m.loop(), &late);
  late.data = &ends[1];
  uv_check_start(&late, [](uv_check_t* c) {
    CHECK(write(*static_cast<int*>(c->data), "x", 1) == 1);
    uv_check_stop(c);
  });
  m.run_until_idle();
  CHECK(uv_is_closing(reinterpret_cast<uv_handle_t*>(&watched)) != 0);  // so it was served
  m.advance(20ms);
  CHECK(d.lines == lines{"io110", "close120"});
  for (const int end : ends) close(end);
  uv_close(reinterpret_cast<uv_handle_t*>(&late), nullptr);
}

TEST_CASE("a timer that stops or closes another which is due at the same time wins") {
  manual_bridge m;
  diary d{m, {}};
  timer second(m, d.note("second"));
  timer first(m, [&] { second.stop(); });
  first.start(5ms);
  second.start(5ms);
  m.advance(1s);
  CHECK(d.lines.empty());
}

TEST_CASE("a deferred answer comes with its time") {
  manual_bridge m;
  std::optional<loopbridge::completer<int>> done;
  timer t(m, [&] { done->resolve(42); });
  eventual<int> answer = m.bridge().submit([&] {
    t.start(30s);
    return done.emplace().get_deferred();
  });
  m.advance(29s);
  CHECK_FALSE(answer.ready());
  m.advance(1s);
  CHECK(answer.get() == 42);
}

TEST_CASE("waiting on its own thread is an error that names the way out, and loses nothing") {
  manual_bridge m;
  bool ran = false;
  CHECK_THROWS_WITH_AS(m.bridge().call([&] { ran = true; }), doctest::Contains("use post() or"),
                       loopbridge::would_deadlock);
  eventual<int> answer = m.bridge().submit([] { return 1; });
  CHECK_THROWS_AS((void)answer.get(), loopbridge::would_deadlock);
  m.run_until_idle();
  CHECK_FALSE(ran);
  CHECK(answer.get() == 1);
}

TEST_CASE("other threads wait and are answered while the loop is turned") {
  manual_bridge m;
  std::atomic<int> sum{0};
  std::atomic<int> ended{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int n = 0; n < 100; ++n) sum += m.bridge().call([n] { return n; });
      ++ended;
    });
  }
  CHECK(support::comes_true([&] {
    m.run_once();
    return ended == 3;
  }));
  CHECK(sum == 3 * 4950);
}

TEST_CASE("a call of another thread's is something to do") {
  manual_bridge m;
  m.run_until_idle();
  bool ran = false;
  std::thread([&]() noexcept { m.bridge().post([&] { ran = true; }); }).join();
  m.run_until_idle();
  CHECK(ran);
}

TEST_CASE("it is turned by its own thread only, and from outside") {
  manual_bridge m;
  bool refused = false;
  std::thread([&]() noexcept {
    try {
      m.run_once();
    } catch (const std::logic_error&) {
      refused = true;
    }
  }).join();
  CHECK(refused);
  eventual<void> nested = m.bridge().submit([&] { m.advance(1ms); });
  m.run_until_idle();
  CHECK_THROWS_WITH_AS(nested.get(), doctest::Contains("return from the callback"),
                       std::logic_error);
  CHECK_NOTHROW(m.advance(-1ms));  // no time at all
  CHECK(m.now() == 0ms);
}

TEST_CASE("a loop that is never idle is an error, and what it has done is done") {
  manual_bridge m;
  long turns = 0;
  std::function<void()> again = [&] {
    ++turns;
    m.bridge().post(again);
  };
  m.bridge().post(again);
  CHECK_THROWS_WITH_AS(m.run_until_idle(), doctest::Contains("use run_once()"), std::runtime_error);
  CHECK(turns > 1000);
  again = [] {};
  m.run_until_idle();
}

TEST_CASE("its end runs what is queued, ends who waits, and reports and closes what is open") {
  std::vector<std::string> open;
  options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle& h) { open.emplace_back(h.type); };
  bool ran = false;
  uv_timer_t forgotten;
  std::optional<loopbridge::completer<int>> never;
  std::optional<eventual<int>> waits;
  {
    manual_bridge m(opts);
    uv_timer_init(m.loop(), &forgotten);
    uv_timer_start(&forgotten, [](uv_timer_t*) {}, 5, 5);
    waits = m.bridge().submit([&] { return never.emplace().get_deferred(); });
    m.run_until_idle();
    m.bridge().post([&] { ran = true; });
  }
  CHECK(ran);
  CHECK(open == lines{"timer"});
  CHECK_THROWS_AS((void)waits->get(), loopbridge::bridge_stopped);
}

TEST_CASE("a bridge that was stopped, here or by another thread, leaves a loop that turns") {
  manual_bridge m;
  diary d{m, {}};
  timer t(m, d.note("rang at "));
  t.start(5ms);
  SUBCASE("here") {
    m.bridge().stop();
  }
  SUBCASE("in a call") {
    m.bridge().post([&] { m.bridge().stop(); });
  }
  SUBCASE("elsewhere") {
    std::thread([&]() noexcept { m.bridge().stop(); }).join();
  }
  m.advance(5ms);
  CHECK(d.lines == lines{"rang at 5"});
  CHECK_THROWS_AS(m.bridge().post([] {}), loopbridge::bridge_stopped);
}

TEST_CASE("options that need a thread are refused") {
  options opts;
  opts.on_thread_start = [] {};
  CHECK_THROWS_AS(manual_bridge m(opts), std::invalid_argument);
}

TEST_CASE("in a forked child it refuses, and its parent's loop is left alone") {
  manual_bridge m;
  CHECK(support::in_child([&] {
          try {
            m.run_once();
            return 1;
          } catch (const loopbridge::wrong_process&) {
            return 0;
          }
        }) == 0);
  bool ran = false;
  m.bridge().post([&] { ran = true; });
  m.run_until_idle();
  CHECK(ran);
}
