#pragma once

#include <ev.h>

#include <string_view>
#include <thread>
#include <utility>

#include "harness/contender.hpp"
#include "locked_queue.hpp"
#include "replying.hpp"

namespace bench {

/// libev: ev_async_send() wakes the loop; the queue is naive's.
class libev : public replying<libev> {
 public:
  static constexpr std::string_view name = "libev";
  static constexpr role is = role::peer;

  libev() {
    abort_unless(loop_ != nullptr);
    wake_.active = wake_.pending = wake_.priority = 0;
    wake_.cb = [](struct ev_loop*, ev_async* w, int) {
      static_cast<libev*>(w->data)->queue_.run_all();
    };
    wake_.data = this;
    ev_async_start(loop_, &wake_);
    thread_ = std::thread([this] { ev_run(loop_, 0); });
  }
  ~libev() {
    post([this] { ev_break(loop_, EVBREAK_ALL); });
    thread_.join();
    ev_loop_destroy(loop_);
  }
  libev(const libev&) = delete;
  libev& operator=(const libev&) = delete;

  template <class F>
  void post(F&& f) {
    queue_.push(std::forward<F>(f));
    ev_async_send(loop_, &wake_);
  }

 private:
  struct ev_loop* const loop_ = ev_loop_new(EVFLAG_AUTO);
  ev_async wake_{};
  locked_queue queue_;
  std::thread thread_;
};

}  // namespace bench
