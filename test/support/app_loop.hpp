#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <uv.h>

namespace support {

/// A loop that the test runs itself, as a program would that has its bridge adopt it. At the end it
/// must close, which it does only if nobody left a handle open.
class app_loop {
 public:
  app_loop() { REQUIRE(uv_loop_init(&loop) == 0); }
  ~app_loop() {
    uv_run(&loop, UV_RUN_NOWAIT);
    CHECK(uv_loop_close(&loop) == 0);
  }
  app_loop(const app_loop&) = delete;
  app_loop& operator=(const app_loop&) = delete;

  /// From here until let_go() uv_run does not return. Loop thread, like the others.
  void keep_alive() {
    uv_timer_init(&loop, &timer_);
    uv_timer_start(&timer_, [](uv_timer_t*) {}, 1000000, 0);
  }
  void let_go() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }
  bool is_kept_alive() const {
    return uv_is_active(reinterpret_cast<const uv_handle_t*>(&timer_)) != 0;
  }
  /// Runs `f` in a callback of libuv's, in the next turn.
  template <class F>
  void in_a_callback(F& f) {
    uv_timer_init(&loop, &timer_);
    timer_.data = &f;
    uv_timer_start(
        &timer_,
        [](uv_timer_t* t) {
          F& call = *static_cast<F*>(t->data);
          uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
          call();
        },
        0, 0);
  }
  /// Would a program be woken that sleeps on the loop's descriptor?
  bool is_rung() const {
    pollfd fd{uv_backend_fd(&loop), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }
  int open_handles() {
    int n = 0;
    uv_walk(&loop, [](uv_handle_t*, void* count) { ++*static_cast<int*>(count); }, &n);
    return n;
  }

  uv_loop_t loop{};

 private:
  uv_timer_t timer_{};
};

}  // namespace support
