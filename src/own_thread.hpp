#pragma once

#include <pthread.h>
#include <signal.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "thread_end.hpp"

namespace loopbridge::detail {

/// A thread of the library's. A std::thread, but that it says how large its stack is, and that its
/// signals are its own: who starts it keeps blocked what it blocks, the new thread inherits that
/// and more, and sets its own mask before it does anything else.
class own_thread {
 public:
  /// `stack_size` in bytes; 0: as options::stack_size says. `main` must not throw, and is destroyed
  /// on the new thread. Throws std::system_error, which names the option, and std::bad_alloc.
  template <class F>
  own_thread(std::size_t stack_size, const sigset_t& blocked, F main) {
    struct begun {
      sigset_t blocked;
      F main;
    };
    auto state = std::unique_ptr<begun>(new begun{blocked, std::move(main)});
    const auto run = [](void* data) noexcept -> void* {
      const thread_of_ours ends_here;
      const std::unique_ptr<begun> own(static_cast<begun*>(data));
      pthread_sigmask(SIG_SETMASK, &own->blocked, nullptr);
      // musl's pthread_exit does not unwind, so that no noexcept would stop it.
      pthread_cleanup_push(&own_thread::ended_in_its_main, nullptr);
      own->main();
      pthread_cleanup_pop(0);
      return nullptr;
    };
    start(stack_size, run, state.get());
    (void)state.release();  // the thread's
  }
  own_thread() noexcept = default;
  own_thread(own_thread&& o) noexcept
      : thread_(o.thread_), joinable_(std::exchange(o.joinable_, false)) {}
  own_thread& operator=(own_thread&& o) noexcept {  // of one that is not joinable
    thread_ = o.thread_;
    joinable_ = std::exchange(o.joinable_, false);
    return *this;
  }

  bool joinable() const noexcept { return joinable_; }
  bool is_caller() const noexcept { return pthread_equal(thread_, pthread_self()) != 0; }
  /// Both of one that is joinable.
  void join() noexcept;
  void detach() noexcept;

 private:
  static void ended_in_its_main(void*) noexcept;
  void start(std::size_t stack_size, void* (*main)(void*), void* data);

  pthread_t thread_{};
  bool joinable_ = false;
};

}  // namespace loopbridge::detail
