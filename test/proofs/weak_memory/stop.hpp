#pragma once

// The end of a bridge.
#include "scenario.hpp"

namespace weak_stop {

using namespace std::chrono_literals;
using loopbridge::status;
using weak::require;

const auto quiet = [](const loopbridge::unhandled_error&) {};

/// A submission whose callable, data and fate are checked: run if accepted, or refused.
class account {
 public:
  void post(loopbridge::bridge& bridge) {
    try {
      bridge.post([this, data = weak::plain<int>(1)] { runs_ += static_cast<unsigned>(data); });
      ++accepted_;
    } catch (const loopbridge::bridge_stopped&) {
    }
  }
  void call(loopbridge::bridge& bridge) {
    try {
      bridge.call([this, data = weak::plain<int>(1)] { runs_ += static_cast<unsigned>(data); });
      ++accepted_;
    } catch (const loopbridge::bridge_stopped&) {
    }
  }
  void expect_all_run() const { require(runs_ == accepted_, "accepted, and not run once"); }

 private:
  weak::tally runs_;
  weak::tally accepted_;
};

WEAK_SCENARIO("a stop against a call and a post: accepted means run, refused is said at once") {
  account a;
  {
    loopbridge::bridge bridge(weak::asleep());
    const unsigned other = weak::start([&] {
      a.post(bridge);
      a.call(bridge);
    });
    bridge.stop();
    weak::join(other);
  }
  a.expect_all_run();
}

WEAK_SCENARIO("a stop by a handler, at any step of a call") {
  account a;
  {
    loopbridge::bridge bridge(weak::asleep());
    weak::allow_handler([&] { bridge.stop_reentrant(); });
    a.call(bridge);
    weak::allow_no_handler();
  }
  a.expect_all_run();
}

WEAK_SCENARIO("a stop that refuses releases every waiter") {
  weak::tally ended;
  loopbridge::bridge bridge({.spin = loopbridge::spinning::off,
                             .on_unhandled_error = quiet,
                             .on_stop = loopbridge::queued_calls::refuse});
  const unsigned other = weak::start([&] {
    try {
      bridge.call([data = weak::plain<int>(1)] {});
    } catch (const loopbridge::bridge_stopped&) {
    }
    ++ended;
  });
  bridge.stop();
  weak::join(other);
  require(ended == 1, "a waiter is left");
}

WEAK_SCENARIO("two threads stop a bridge, and both find it ended") {
  weak::plain<int> runs(0);
  loopbridge::bridge bridge(weak::asleep());
  bridge.post([&] { runs = 1; });
  const auto stop = [&] {
    bridge.stop();
    require(runs == 1, "not ended");
  };
  const unsigned other = weak::start(stop);
  stop();
  weak::join(other);
}

WEAK_SCENARIO("a deferred that nobody resolves ends when the bridge does") {
  loopbridge::completer<weak::plain<int>> done;
  loopbridge::bridge bridge({.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
  auto answer = bridge.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  bool resolved = false;
  const unsigned other = weak::start([&] { resolved = done.resolve(7); });
  bridge.stop();
  weak::join(other);
  bool stopped = false;
  try {
    require(std::move(answer).get() == 7, "a wrong answer");
  } catch (const loopbridge::bridge_stopped&) {
    stopped = true;
  }
  require(stopped != resolved, "both or none decided");
}

WEAK_SCENARIO("handles outlive the bridge; a firing is run, reported or refused") {
  std::unique_ptr<loopbridge::reentrant_call> fired;
  unsigned other;
  weak::tally firings;
  weak::tally reports;
  status posted = status::bridge_stopped;
  {
    loopbridge::bridge bridge(
        {.spin = loopbridge::spinning::off,
         .on_unhandled_error = [&](const loopbridge::unhandled_error&) { ++reports; }});
    fired = std::make_unique<loopbridge::reentrant_call>(bridge,
                                                         [&](std::uint64_t n) { firings += n; });
    other = weak::start([&] {
      posted = fired->post();
      require(fired->call_for(20s) != status::exhausted, "no slot");
      fired.reset();  // maybe the last hold on the core
    });
  }
  weak::join(other);
  require(posted == status::accepted || firings == 0, "run, though refused");
  require(posted != status::accepted || firings + reports != 0, "accepted, and never heard of");
}

WEAK_SCENARIO("a firing beside its bridge's end is run, reported or refused, and its call stays") {
  std::unique_ptr<loopbridge::reentrant_call> fired;
  unsigned other;
  unsigned accepted = 0;
  weak::tally firings;
  weak::tally reports;
  {
    loopbridge::bridge bridge(
        {.spin = loopbridge::spinning::off,
         .on_unhandled_error = [&](const loopbridge::unhandled_error&) { ++reports; }});
    fired = std::make_unique<loopbridge::reentrant_call>(bridge,
                                                         [&](std::uint64_t n) { firings += n; });
    other = weak::start([&] { accepted += fired->post() == status::accepted ? 1 : 0; });
  }
  weak::join(other);
  require(firings + reports == accepted, "accepted, and never heard of; or heard of twice");
}

/// A loop of the program's, which a handle of its own keeps alive.
struct app_loop {
  app_loop() {
    uv_loop_init(&loop);
    uv_idle_init(&loop, &own);
    uv_idle_start(&own, [](uv_idle_t*) {});
  }
  void turn() { uv_run(&loop, UV_RUN_NOWAIT); }
  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&own), nullptr);
    turn();
    require(uv_loop_close(&loop) == 0, "handles are left open");
  }
  uv_loop_t loop;
  uv_idle_t own;
};

WEAK_SCENARIO("an adopted loop runs what is accepted, and its end releases the waiters") {
  account a;
  app_loop app;
  {
    loopbridge::bridge bridge = loopbridge::bridge::adopt(
        &app.loop, {.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
    const unsigned other = weak::start([&] {
      a.call(bridge);
      a.call(bridge);
    });
    for (int turn = 0; turn < 4; ++turn) app.turn();
    bridge.stop();
    weak::join(other);
  }
  app.close();
}

WEAK_SCENARIO("a stop elsewhere against an adopted loop's turn: one of them releases the waiters",
              {.deviations = 3}) {
  app_loop app;
  loopbridge::bridge bridge =
      loopbridge::bridge::adopt(&app.loop, {.spin = loopbridge::spinning::off,
                                            .on_unhandled_error = quiet,
                                            .on_stop = loopbridge::queued_calls::refuse});
  app.turn();
  const unsigned caller = weak::start([&] {
    try {
      bridge.call([data = weak::plain<int>(1)] {});
    } catch (const loopbridge::bridge_stopped&) {
    }
  });
  const unsigned stopper = weak::start([&] { bridge.stop(); });
  app.turn();
  weak::join(caller);  // also if the loop never turns again
  weak::join(stopper);
  bridge.stop();  // here, on the loop's thread: closes the handles
  app.close();
}

WEAK_SCENARIO("a stop elsewhere has returned, and the adopted loop's turn is over: nobody waits",
              {.deviations = 3}) {
  app_loop app;
  loopbridge::completer<int> never;
  loopbridge::bridge bridge = loopbridge::bridge::adopt(
      &app.loop, {.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
  auto answer = bridge.submit([d = never.get_deferred()]() mutable { return std::move(d); });
  app.turn();
  const unsigned stopper = weak::start([&] { bridge.stop(); });
  app.turn();
  weak::join(stopper);
  require(answer.ready(), "a waiter is left");
  (void)answer.error();
  bridge.stop();
  app.close();
}

WEAK_SCENARIO(
    "the register of deferreds goes to the thread that stops elsewhere, and back to the loop",
    {.deviations = 3}) {
  app_loop app;
  loopbridge::bridge bridge = loopbridge::bridge::adopt(
      &app.loop, {.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
  const unsigned stopper = weak::start([&] { bridge.stop(); });
  void* completer = nullptr;
  bool stopped = false;
  try {
    auto answer = bridge.submit([&] {
      loopbridge::completer<int> done;
      auto d = done.get_deferred();
      completer = done.release();
      return d;
    });
    app.turn();
    bridge.stop();
    require(answer.ready(), "a stop has returned, and a waiter is left");
    (void)answer.error();
  } catch (const loopbridge::bridge_stopped&) {
    stopped = true;
  }
  if (completer != nullptr) (void)loopbridge::completer<int>::from(completer);
  if (stopped) bridge.stop();
  weak::join(stopper);
  app.close();
}

}  // namespace weak_stop
