#pragma once

#include <event2/event.h>
#include <event2/thread.h>

#include <string_view>
#include <thread>
#include <utility>

#include "harness/contender.hpp"
#include "locked_queue.hpp"
#include "replying.hpp"

namespace bench {

/// libevent with its locks on: event_active() wakes the loop; the queue is naive's.
class libevent : public replying<libevent> {
 public:
  static constexpr std::string_view name = "libevent";
  static constexpr role is = role::peer;

  libevent() {
    abort_unless(evthread_use_pthreads() == 0);
    base_ = event_base_new();
    abort_unless(base_ != nullptr);
    wake_ = event_new(
        base_, -1, EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<libevent*>(self)->queue_.run_all(); },
        this);
    abort_unless(wake_ != nullptr);
    thread_ = std::thread([this] { event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  ~libevent() {
    post([this] { event_base_loopbreak(base_); });
    thread_.join();
    event_free(wake_);
    event_base_free(base_);
  }
  libevent(const libevent&) = delete;
  libevent& operator=(const libevent&) = delete;

  template <class F>
  void post(F&& f) {
    queue_.push(std::forward<F>(f));
    event_active(wake_, 0, 0);
  }

 private:
  event_base* base_ = nullptr;
  event* wake_ = nullptr;
  locked_queue queue_;
  std::thread thread_;
};

}  // namespace bench
