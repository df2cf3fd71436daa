#pragma once

#include <pthread.h>
#include <time.h>
#include <uv.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "atomic.hpp"

/// The parts of the system that the library waits with, on an executor's fibers.
namespace weak {

inline pthread_t this_thread_id() {
  return static_cast<pthread_t>(self() + 1);
}

/// Time passes only where somebody waits for it in vain.
struct weak_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;
  static time_point now() noexcept { return time_point(passed()); }
  static duration& passed() noexcept;
};

/// The processor's counter, which goes on with the clock.
inline std::uint64_t tick_count() {
  return static_cast<std::uint64_t>(weak_clock::passed().count());
}

/// A lock, and what the kernel orders by one: a later holder has seen what the earlier ones did.
class weak_mutex {
 public:
  void lock() {
    block("a mutex", [this] { return !held_; });
    held_ = true;
    here().join(seen_);
  }
  void unlock() {
    ++here().clocks[self()];
    seen_ = here();
    held_ = false;
  }

 private:
  bool held_ = false;
  view seen_;
};

class weak_thread {
 public:
  weak_thread() noexcept = default;
  template <class F>
  explicit weak_thread(F&& f) {
    auto body = std::make_shared<std::decay_t<F>>(std::forward<F>(f));
    number_ = start([body] { (*body)(); });
  }
  weak_thread(weak_thread&& other) noexcept : number_(std::exchange(other.number_, none)) {}
  weak_thread& operator=(weak_thread&& other) noexcept {
    number_ = std::exchange(other.number_, none);
    return *this;
  }
  ~weak_thread() {
    if (joinable() && running()) fail("a thread is neither joined nor detached");
  }
  bool joinable() const noexcept { return number_ != none; }
  void join() { weak::join(std::exchange(number_, none)); }
  void detach() { number_ = none; }

 private:
  static constexpr unsigned none = ~0u;
  unsigned number_ = none;
};

struct promised {
  bool set = false;
  std::exception_ptr error;
  view seen;
};
template <class>
class weak_future {
 public:
  explicit weak_future(std::shared_ptr<promised> p) : promised_(std::move(p)) {}
  void get() {
    block("a promise", [this] { return promised_->set; });
    here().join(promised_->seen);
    if (promised_->error) std::rethrow_exception(promised_->error);
  }

 private:
  std::shared_ptr<promised> promised_;
};
template <class T>
class weak_promise {
 public:
  weak_future<T> get_future() { return weak_future<T>(promised_); }
  void set_value() {
    ++here().clocks[self()];
    promised_->seen = here();
    promised_->set = true;
  }
  void set_exception(std::exception_ptr e) {
    promised_->error = std::move(e);
    set_value();
  }

 private:
  std::shared_ptr<promised> promised_ = std::make_shared<promised>();
};

/// An eventfd. Reading it orders after what was written, as the lock in it does.
class descriptor {
 public:
  void write();
  bool readable() const { return count_ != 0; }
  void read();

 private:
  std::uint64_t count_ = 0;
  view seen_;
};

/// libuv's handle for `d`: it is read when it is readable, and nothing else is done.
void watch(uv_loop_t* loop, uv_handle_t* handle, descriptor* d);

/// Waiting by address. The kernel looks at the memory itself, under a lock of its own, but orders
/// nothing for the program. `newest` reads the word.
void futex_sleep(const void* word, const std::function<std::uint32_t()>& newest,
                 std::uint32_t expected, bool has_end, weak_clock::duration end);
void futex_wake(const void* word);

}  // namespace weak
