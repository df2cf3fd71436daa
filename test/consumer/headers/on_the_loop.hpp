#pragma once

// What clients on the loop are made of, for everything.hpp.
#include <chrono>
#include <loopbridge/bridge.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/options.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/readable.hpp>
#include <loopbridge/uv/timer.hpp>
#include <utility>

/// Neither copied nor moved.
class object_on_the_loop {
 public:
  explicit object_on_the_loop(loopbridge::loop_ref loop)
      : watcher_(loop, [](loopbridge::fd_events) {}), timer_(loop, [] {}) {}

  bool try_all() {
    timer_.start(std::chrono::hours(1));
    timer_.start(std::chrono::hours(1), std::chrono::duration<double>(1));
    loopbridge::timer moved(std::move(timer_));
    timer_ = std::move(moved);
    const bool was_active = timer_.is_active();
    timer_.stop();
    watcher_.stop();
    return was_active && !watcher_.is_watching();
  }
  loopbridge::task<bool> wait_in_vain() {
    try {
      co_await loopbridge::readable(-1);
    } catch (const std::system_error&) {
      co_return true;
    }
    co_await loopbridge::writable(-1);
    co_return false;
  }

 private:
  loopbridge::fd_watcher watcher_;
  loopbridge::timer timer_;
};

inline bool use_what_is_on_the_loop(loopbridge::bridge& b) {
  using object = object_on_the_loop;
  constexpr std::chrono::seconds soon{60};
  loopbridge::options opts;
  opts.on_thread_start = [](loopbridge::loop_ref) {};
  opts.on_thread_start = [] {};
  loopbridge::owned made(b, [](loopbridge::loop_ref loop) { return object(loop); });
  loopbridge::owned<object> o(std::move(made));
  made = std::move(o);
  o = std::move(made);
  o.post([](object&) {});
  (void)o.try_post([](object&, loopbridge::loop_ref) {});
  (void)o.try_submit([](object&) { return 1; });
  return bool(o) && o.submit(&object::wait_in_vain).get_for(soon) &&
         o.call([](object&) { return true; }) && o.call_for(soon, &object::try_all);
}
