// A library that is called like any other code, from any thread, and does its work on the loop that
// all of a process's libraries share. The program here runs libuv's loop itself, and lends it.

#include <uv.h>

#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <thread>

using namespace std::chrono_literals;

// [readme]
// The library. What it needs of the loop is written for the loop ...
loopbridge::deferred<void> begin_nap(loopbridge::loop_ref loop, std::chrono::milliseconds length) {
  loopbridge::completer<void> over;
  auto answer = over.get_deferred();
  auto* const timer = new uv_timer_t;
  timer->data = over.release();
  uv_timer_init(loop, timer);
  const auto ring = [](uv_timer_t* t) {
    loopbridge::completer<void>::from(t->data).resolve();
    uv_close(reinterpret_cast<uv_handle_t*>(t),
             [](uv_handle_t* h) { delete reinterpret_cast<uv_timer_t*>(h); });
  };
  uv_timer_start(timer, ring, static_cast<std::uint64_t>(length.count()), 0);
  return answer;
}

// ... and wrapped once, for everybody: nap(20ms) sleeps, or throws loopbridge::timed_out.
const auto nap = loopbridge::wrap_blocking(5s, begin_nap);
// [/readme]

int main() {
  // Without these lines the library's loop is one in a background thread, made by its first call.
  uv_loop_t* const loop = uv_default_loop();
  loopbridge::bridge& bridge = loopbridge::default_bridge(loopbridge::adopt{loop});

  uv_idle_t awake;  // the program's own business, which keeps its loop alive
  uv_idle_init(loop, &awake);
  uv_idle_start(&awake, [](uv_idle_t*) {});

  bool slept = false;
  std::thread caller([&]() noexcept {
    try {
      nap(20ms);
      slept = true;
    } catch (const loopbridge::error& e) {
      std::fprintf(stderr, "shared_loop: %s\n", e.what());
    }
    bridge.post([&awake] { uv_close(reinterpret_cast<uv_handle_t*>(&awake), nullptr); });
  });

  uv_run(loop, UV_RUN_DEFAULT);
  caller.join();
  bridge.stop();
  uv_run(loop, UV_RUN_NOWAIT);
  const bool closed = uv_loop_close(loop) == 0;
  std::printf("%s\n", slept && closed ? "slept well" : "a bad night");
  return slept && closed ? 0 : 1;
}
