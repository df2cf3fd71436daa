// A unit test of code that uses a bridge and timers: no thread, no sleeping, an hour in no time.
// The class to test is the one at the top; it knows nothing of the test.

#include <uv.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <stdexcept>

using namespace std::chrono_literals;

/// Beats at an interval, until it is told to stop; from any thread.
class heartbeat {
 public:
  heartbeat(loopbridge::bridge& bridge, std::chrono::milliseconds interval) : bridge_(bridge) {
    bridge_.post([this, interval](loopbridge::loop_ref loop) {
      uv_timer_init(loop, &timer_);
      timer_.data = this;
      const auto ms = static_cast<std::uint64_t>(interval.count());
      uv_timer_start(
          &timer_, [](uv_timer_t* t) { ++static_cast<heartbeat*>(t->data)->beats_; }, ms, ms);
    });
  }
  loopbridge::eventual<int> beats() {
    return bridge_.submit([this] { return beats_; });
  }
  /// Ready when its timer is closed, so that it may be destroyed.
  loopbridge::eventual<void> stop() {
    return bridge_.submit([this] {
      auto closed = closed_.get_deferred();
      uv_close(reinterpret_cast<uv_handle_t*>(&timer_),
               [](uv_handle_t* h) { static_cast<heartbeat*>(h->data)->closed_.resolve(); });
      return closed;
    });
  }

 private:
  loopbridge::bridge& bridge_;
  uv_timer_t timer_{};
  int beats_ = 0;
  loopbridge::completer<void> closed_;
};

void check(bool fine, const char* what) {
  std::printf("%s: %s\n", fine ? "as it should be" : "WRONG", what);
  if (!fine) throw std::logic_error(what);
}

// [readme]
template <class T>
T answer(loopbridge::manual_bridge& loop, loopbridge::eventual<T> eventual) {
  loop.run_until_idle();  // on this thread waiting would be an error: nobody else turns the loop
  return eventual.get();
}

void test_heartbeat() {
  loopbridge::manual_bridge loop;
  heartbeat heart(loop.bridge(), 30s);
  check(answer(loop, heart.beats()) == 0, "it does not begin with a beat");
  loop.advance(30s - 1ms);
  check(answer(loop, heart.beats()) == 0, "nor beat too early");
  loop.advance(1ms);
  check(answer(loop, heart.beats()) == 1, "it beats after 30 s");
  loop.advance(1h);
  check(answer(loop, heart.beats()) == 121, "120 times in an hour");
  answer(loop, heart.stop());
  loop.advance(24h);
  check(answer(loop, heart.beats()) == 121, "and no more once it was stopped");
}
// [/readme]

int main() {
  try {
    test_heartbeat();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "manual_bridge: %s\n", e.what());
    return 1;
  }
}
