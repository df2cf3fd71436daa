#pragma once

// Bridges with a capacity: a submitter that waits for room is woken, whatever ends the wait.
#include "stop.hpp"

namespace weak_full {

using loopbridge::bridge;
using loopbridge::options;
using weak::require;
using weak_stop::quiet;

options of_one() {
  options opts;
  opts.on_unhandled_error = quiet;
  opts.capacity = 1;
  return opts;
}

WEAK_SCENARIO("two producers wait for the one place, and each gets it: no wake-up is lost") {
  weak::plain<int> runs(0);  // of the loop's thread only
  {
    bridge b(of_one());
    const unsigned other = weak::start([&] { b.post([&] { runs = runs + 1; }); });
    b.post([&] { runs = runs + 1; });
    b.post([&] { runs = runs + 1; });
    weak::join(other);
  }
  require(runs == 3, "accepted, and not run once");
}

WEAK_SCENARIO("a stop releases the submitters that wait for room: each call is run, or refused") {
  weak_stop::account a;
  {
    bridge b(of_one());
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
    "an adopted loop that turns no more: a stop elsewhere releases the submitters that wait for "
    "room") {
  weak_stop::app_loop app;
  bridge b = bridge::adopt(&app.loop, of_one());
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

}  // namespace weak_full
