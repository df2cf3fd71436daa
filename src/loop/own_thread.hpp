#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "platform/platform.hpp"
#include "sync/thread_end.hpp"

namespace loopbridge::detail {

/// A thread of the library's: a std::thread with a stack of a given size and its own signal mask.
/// The starting thread keeps blocked what it blocks. The new thread inherits that and more, and
/// sets its own mask before it does anything else.
class own_thread {
 public:
  /// `stack_size` in bytes; 0: as options::stack_size says. `main` must not throw, and is destroyed
  /// on the new thread. Throws std::system_error, which names the option, and std::bad_alloc.
  template <class F>
  own_thread(std::size_t stack_size, const platform::signal_mask& blocked, F main) {
    struct body_of_main : platform::thread_body {
      explicit body_of_main(F&& f) : main(std::move(f)) {}
      F main;
    };
    auto body = std::make_unique<body_of_main>(std::move(main));
    body->blocked = blocked;
    body->run = [](platform::thread_body& self) noexcept {
      const thread_of_ours ends_here;
      const std::unique_ptr<body_of_main> own(static_cast<body_of_main*>(&self));
      own->main();
    };
    start(stack_size, *body);
    (void)body.release();  // the thread's
  }
  own_thread() noexcept = default;
  own_thread(own_thread&& o) noexcept : thread_(std::exchange(o.thread_, {})) {}
  own_thread& operator=(own_thread&& o) noexcept {  // of one that is not joinable
    thread_ = std::exchange(o.thread_, {});
    return *this;
  }

  bool joinable() const noexcept { return thread_ != platform::thread_id{}; }
  bool is_caller() const noexcept { return thread_ == platform::this_thread(); }
  /// Both of one that is joinable.
  void join() noexcept { platform::join_thread(std::exchange(thread_, {})); }
  void detach() noexcept { platform::detach_thread(std::exchange(thread_, {})); }

 private:
  void start(std::size_t stack_size, platform::thread_body& body);

  platform::thread_id thread_{};  ///< 0: not joinable
};

}  // namespace loopbridge::detail
