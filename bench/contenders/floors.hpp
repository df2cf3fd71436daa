#pragma once

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>
#include <type_traits>

#include "harness/contender.hpp"
#include "replying.hpp"

namespace bench {

/// What is handed over: it lies on the caller's stack, with the answer.
struct floor_job {
  void (*run)(floor_job*);
};

/// Two threads that hand one call to and fro, for one caller: no queue, no closing, no errors. What
/// is left is how `Wake` tells the other thread. Nobody can do better in the same way.
template <class Wake>
class floor_of {
 public:
  static constexpr std::string_view name = Wake::name;
  static constexpr role is = role::floor;
  static constexpr bool one_caller = true;
  static constexpr bool apart = Wake::apart;

  floor_of() : thread_([this] { serve(); }) {}
  ~floor_of() {
    call([this] { ended_ = true; });
    thread_.join();
  }
  floor_of(const floor_of&) = delete;
  floor_of& operator=(const floor_of&) = delete;

  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    using result = std::invoke_result_t<F&>;
    struct job : floor_job {
      std::remove_reference_t<F>* f;
      std::conditional_t<std::is_void_v<result>, char, result> value{};
    } here{};
    here.f = &f;
    here.run = [](floor_job* j) {
      auto* const self = static_cast<job*>(j);
      if constexpr (std::is_void_v<result>) {
        (*self->f)();
      } else {
        self->value = (*self->f)();
      }
    };
    wake_.request(&here);
    if constexpr (!std::is_void_v<result>) return here.value;
  }

 private:
  void serve() {
    while (!ended_) {
      floor_job* const job = wake_.await_request();
      job->run(job);
      wake_.answer();
    }
  }

  Wake wake_;
  bool ended_ = false;  ///< the thread's
  std::thread thread_;
};

/// Both sides look at one word again and again, and do `Between` meanwhile.
template <void (*Between)()>
class by_looking {
 public:
  void request(floor_job* job) {
    job_.store(job, std::memory_order_release);
    while (job_.load(std::memory_order_acquire) != nullptr) Between();
  }
  floor_job* await_request() {
    while (true) {
      if (floor_job* const job = job_.load(std::memory_order_acquire)) return job;
      Between();
    }
  }
  void answer() { job_.store(nullptr, std::memory_order_release); }

 private:
  alignas(64) std::atomic<floor_job*> job_{nullptr};
};

inline void yield() {
  sched_yield();
}
inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

struct by_yielding : by_looking<yield> {
  static constexpr std::string_view name = "floor: yield";
  static constexpr bool apart = false;
};
struct by_spinning : by_looking<pause> {
  static constexpr std::string_view name = "floor: spin";
  static constexpr bool apart = true;  ///< sharing a CPU, each would spin until it is preempted
};

/// What an event loop that sleeps needs at least: epoll, an edge-triggered eventfd that nobody has
/// to read, and a futex for the answer.
class by_epoll {
 public:
  static constexpr std::string_view name = "floor: epoll + futex";
  static constexpr bool apart = false;

  by_epoll() {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    abort_unless(bell_ >= 0 && epoll_ >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event) == 0);
  }
  ~by_epoll() {
    close(bell_);
    close(epoll_);
  }
  by_epoll(const by_epoll&) = delete;
  by_epoll& operator=(const by_epoll&) = delete;

  void request(floor_job* job) {
    one_event done;
    done_ = &done;
    job_ = job;
    // The write orders what is before it, but the language does not know that.
    std::atomic_thread_fence(std::memory_order_release);
    const std::uint64_t one = 1;
    abort_unless(write(bell_, &one, sizeof(one)) == sizeof(one));
    done.wait();
  }
  floor_job* await_request() {
    epoll_event event{};
    while (epoll_wait(epoll_, &event, 1, -1) != 1) {
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    return job_;
  }
  void answer() { done_->set(); }

 private:
  const int bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  floor_job* job_ = nullptr;
  one_event* done_ = nullptr;
};

using floor_by_epoll = floor_of<by_epoll>;
using floor_by_yielding = floor_of<by_yielding>;
using floor_by_spinning = floor_of<by_spinning>;

}  // namespace bench
