#include "stepped_bridge.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "support/until.hpp"

namespace stepping {

thread_state::thread_state() : fd_(open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC)) {
  REQUIRE(fd_ >= 0);
}
thread_state::~thread_state() {
  close(fd_);
}

bool thread_state::is_asleep() const {
  char text[512];
  const ssize_t got = pread(fd_, text, sizeof(text) - 1, 0);
  if (got <= 0) return false;
  text[got] = '\0';
  const char* const name_end = std::strrchr(text, ')');  // the name may contain anything
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

loopbridge::options stepped_bridge::options_for(loopbridge::doorbell kind) {
  loopbridge::options opts;
  opts.doorbell = kind;
  opts.spin = loopbridge::spinning::off;  // its length would be another each time
  opts.on_unhandled_error = [this](const loopbridge::unhandled_error&) { ++reported; };
  opts.on_thread_exit = [this] { loop_has_ended = true; };
  return opts;
}

stepped_bridge::stepped_bridge(loopbridge::doorbell kind)
    : bridge(options_for(kind)),
      own_call(std::in_place, *bridge,
               [this](std::uint64_t firings) { outer.ran += static_cast<int>(firings); }),
      fired(std::in_place, *bridge,
            [this](std::uint64_t firings) { nested.ran += static_cast<int>(firings); }) {}

stepped_bridge::~stepped_bridge() {
  let_go = true;
  if (stopper_.joinable()) stopper_.join();
}

void stepped_bridge::wait_until_asleep() const {
  support::until_asleep(*bridge);
}

void stepped_bridge::hold(bool operation_waits) {
  let_go = false;
  held_ = false;
  bridge->post([this, operation_waits] {
    held_ = true;
    while (!let_go && !(operation_waits && stepping && stepped_.is_asleep())) {
      std::this_thread::yield();
    }
  });
  REQUIRE(support::comes_true([this] { return held_.load(); }));
}

void stepped_bridge::begin_stop() {
  stopper_ = std::thread([this]() noexcept { bridge->stop(); });
  support::until_stopped(*bridge);
}

void stepped_bridge::settle(bool stopped) {
  let_go = true;
  if (stopper_.joinable()) stopper_.join();
  if (stopped) {
    if (bridge) bridge->stop();
    own_call.reset();  // what they accepted and could not run they report now
    fired.reset();
  } else {
    bridge->call_for(patience, [] {});  // in order: what was accepted has run when this has
  }
}

void stepped_bridge::reset_ledgers() {
  outer.reset();
  nested.reset();
  reported = 0;
}

}  // namespace stepping
