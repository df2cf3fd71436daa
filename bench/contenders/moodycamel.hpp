#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <array>
#include <functional>
#include <string_view>
#include <utility>

#include "harness/contender.hpp"
#include "uv_loop_thread.hpp"

namespace bench {

/// moodycamel's ConcurrentQueue, with a token for each producer and bulk dequeuing, behind
/// uv_async_send, which is cheap while one is pending.
class moodycamel_queue : public replying<moodycamel_queue> {
 public:
  static constexpr std::string_view name = "moodycamel";
  static constexpr role is = role::peer;

  template <class F>
  void post(F&& f) {
    abort_unless(queue_.enqueue(std::forward<F>(f)));
    loop_.wake();
  }

  struct by_token {
    moodycamel_queue& to;
    moodycamel::ProducerToken token;

    template <class F>
    void post(F&& f) {
      abort_unless(to.queue_.enqueue(token, std::forward<F>(f)));
      to.loop_.wake();
    }
  };
  by_token producer() { return {*this, moodycamel::ProducerToken(queue_)}; }

  template <class F>
  void with_loop(F&& f) {
    call([&] { f(loop_.loop()); });
  }

 private:
  void run_all() {
    std::array<std::function<void()>, 256> batch;
    while (const std::size_t taken =
               queue_.try_dequeue_bulk(consumer_, batch.data(), batch.size())) {
      for (std::size_t i = 0; i < taken; ++i) batch[i]();
    }
  }

  moodycamel::ConcurrentQueue<std::function<void()>> queue_;
  moodycamel::ConsumerToken consumer_{queue_};
  uv_loop_thread loop_{[this] { run_all(); }};
};

}  // namespace bench
