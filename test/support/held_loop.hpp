#pragma once

#include <doctest/doctest.h>

#include <loopbridge/bridge.hpp>
#include <loopbridge/options.hpp>
#include <utility>

#include "gate.hpp"

namespace support {

/// Keeps a bridge's loop inside a callable until release(), so that what is submitted meanwhile
/// stays queued: the order of things is then the test's to choose.
class held_loop {
 public:
  explicit held_loop(loopbridge::bridge& b) {
    b.post([held = held_, released = released_] {
      held.open();
      (void)released.wait();
    });
    REQUIRE(held_.wait());
  }
  ~held_loop() { release(); }
  held_loop(const held_loop&) = delete;
  held_loop& operator=(const held_loop&) = delete;

  void release() const { released_.open(); }

 private:
  gate held_;
  gate released_;
};

/// Waits until the loop has run everything that was posted before.
inline void catch_up(loopbridge::bridge& b) {
  b.call_for(generous, [] {});
}

/// Stops a bridge while what `submit` has submitted is still queued.
template <class Submit>
void stop_while_queued(loopbridge::bridge& b, Submit&& submit) {
  {
    const held_loop held(b);
    submit();
    b.stop_reentrant();
  }
  b.stop();
}

/// The options of a bridge that refuses what is queued when it stops.
inline loopbridge::options refusing(loopbridge::options opts = {}) {
  opts.on_stop = loopbridge::queued_calls::refuse;
  return opts;
}

}  // namespace support
