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
#include <utility>

#include "../contender.hpp"
#include "replying.hpp"

namespace bench {

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
    std::conditional_t<std::is_void_v<result>, char, result> value{};
    auto job = [&] {
      if constexpr (std::is_void_v<result>) {
        f();
      } else {
        value = f();
      }
    };
    job_ = &job;
    run_ = [](void* j) { (*static_cast<decltype(job)*>(j))(); };
    wake_.request();
    wake_.await_answer();
    if constexpr (!std::is_void_v<result>) return value;
  }

 private:
  void serve() {
    while (!ended_) {
      wake_.await_request();
      run_(job_);
      wake_.answer();
    }
  }

  Wake wake_;
  void* job_ = nullptr;
  void (*run_)(void*) = nullptr;
  bool ended_ = false;  ///< the thread's
  std::thread thread_;
};

/// Both sides look again and again, and do `Between` meanwhile.
template <void (*Between)()>
class by_looking {
 public:
  void request() { turn_.store(loops, std::memory_order_release); }
  void await_request() { await(loops); }
  void answer() { turn_.store(callers, std::memory_order_release); }
  void await_answer() { await(callers); }

 private:
  static constexpr int callers = 0, loops = 1;
  void await(int turn) {
    while (turn_.load(std::memory_order_acquire) != turn) Between();
  }
  alignas(64) std::atomic<int> turn_{callers};
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

  void request() {
    answered_.store(waiting, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    abort_unless(write(bell_, &one, sizeof(one)) == sizeof(one));
  }
  void await_request() {
    epoll_event event{};
    while (epoll_wait(epoll_, &event, 1, -1) != 1) {
    }
  }
  void answer() {
    answered_.store(done, std::memory_order_release);
    syscall(SYS_futex, &answered_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void await_answer() {
    while (answered_.load(std::memory_order_acquire) == waiting) {
      syscall(SYS_futex, &answered_, FUTEX_WAIT_PRIVATE, waiting, nullptr, nullptr, 0);
    }
  }

 private:
  static constexpr std::uint32_t waiting = 0, done = 1;
  const int bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::atomic<std::uint32_t> answered_{waiting};
};

using floor_by_epoll = floor_of<by_epoll>;
using floor_by_yielding = floor_of<by_yielding>;
using floor_by_spinning = floor_of<by_spinning>;

}  // namespace bench
