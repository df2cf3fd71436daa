#pragma once

#include <uv.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <loopbridge/testing/manual_bridge.hpp>
#include <string>
#include <utility>
#include <vector>

/// For tests of a manual_bridge's time.
namespace support {

/// A timer as users have them. It is closed before its loop is.
class timer {
 public:
  timer(loopbridge::manual_bridge& m, std::function<void()> ring) : of_(m), ring_(std::move(ring)) {
    uv_timer_init(m.loop(), &timer_);
    timer_.data = this;
  }
  ~timer() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    of_.run_until_idle();
  }
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  void start(std::chrono::milliseconds timeout,
             std::chrono::milliseconds repeat = std::chrono::milliseconds(0)) {
    uv_timer_start(
        &timer_, [](uv_timer_t* t) { static_cast<timer*>(t->data)->ring_(); },
        static_cast<std::uint64_t>(timeout.count()), static_cast<std::uint64_t>(repeat.count()));
  }
  void again() { uv_timer_again(&timer_); }
  void stop() { uv_timer_stop(&timer_); }

 private:
  loopbridge::manual_bridge& of_;
  std::function<void()> ring_;
  uv_timer_t timer_{};
};

/// What rang, and when.
struct diary {
  loopbridge::manual_bridge& m;
  std::vector<std::string> lines;

  std::function<void()> note(const std::string& what) {
    return [this, what] { lines.push_back(what + std::to_string(m.now().count())); };
  }
};

}  // namespace support
