#pragma once

// Bridges with a capacity: who waits for room is woken, whatever ends the wait.
#include "stop.hpp"

namespace weak_full {

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::when_full;
using weak::require;
using weak_stop::quiet;

options of_one(when_full policy) {
  options opts;
  opts.on_unhandled_error = quiet;
  opts.capacity = 1;
  opts.when_full = policy;
  return opts;
}

WEAK_SCENARIO("two producers wait for the one place, and each gets it: no wake-up is lost") {
  weak::plain<int> runs(0);  // of the loop's thread only
  {
    bridge b(of_one(when_full::block()));
    const unsigned other = weak::start([&] { b.post([&] { runs = runs + 1; }); });
    b.post([&] { runs = runs + 1; });
    b.post([&] { runs = runs + 1; });
    weak::join(other);
  }
  require(runs == 3, "accepted, and not run once");
}

WEAK_SCENARIO("a stop releases who waits for room: each call is run, or refused") {
  weak_stop::account a;
  {
    bridge b(of_one(when_full::block()));
    const unsigned other = weak::start([&] {
      a.post(b);
      a.post(b);
    });
    b.stop();
    weak::join(other);
  }
  a.expect_all_run();
}

WEAK_SCENARIO(
    "an adopted loop that turns no more releases who waits for room, at a stop elsewhere") {
  weak_stop::app_loop app;
  bridge b = bridge::adopt(&app.loop, of_one(when_full::block()));
  app.turn();
  unsigned refused = 0;
  const unsigned producer = weak::start([&] {
    for (int n = 0; n < 2; ++n) {
      try {
        b.post([data = weak::plain<int>(1)] {});
      } catch (const loopbridge::bridge_stopped&) {
        ++refused;
      }
    }
  });
  const unsigned stopper = weak::start([&] { b.stop(); });
  weak::join(producer);
  weak::join(stopper);
  require(refused >= 1, "accepted beyond the capacity");
  b.stop();
  app.close();
}

WEAK_SCENARIO(
    "calls that make room for each other while the loop takes them: run or dropped, once") {
  weak::tally runs;
  weak::tally drops;
  {
    options opts = of_one(when_full::drop_oldest());
    opts.on_unhandled_error = [&](const loopbridge::unhandled_error&) { ++drops; };
    bridge b(std::move(opts));
    const auto post = [&] {
      b.post([&, data = weak::plain<int>(1)] { runs += static_cast<unsigned>(data); });
    };
    const unsigned other = weak::start([&] {
      post();
      post();
    });
    post();
    post();
    weak::join(other);
  }
  require(runs + drops == 4, "lost or doubled");
  require(runs >= 1, "all dropped");
}

WEAK_SCENARIO("what was set aside for a drop runs although nobody calls any more") {
  unsigned dropped = 0;
  options opts = of_one(when_full::drop_oldest());
  opts.capacity = 2;
  bridge b(std::move(opts));
  const auto answer = b.submit([data = weak::plain<int>(1)] {});
  const auto second = b.submit([data = weak::plain<int>(1)] {});
  const auto third = b.submit([data = weak::plain<int>(1)] {});
  for (const auto* e : {&answer, &second, &third}) {
    try {
      e->get();
    } catch (const loopbridge::bridge_full&) {
      ++dropped;
    }
  }
  require(dropped <= 1, "more than one was dropped for one");
}

}  // namespace weak_full
