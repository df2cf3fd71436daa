#pragma once

// The whole library, compiled once more, on the executor's atomics and threads and on a simulated
// libuv: for one test executable, which does not link the real one. What is replaced is named here;
// everything between submit() and the answer is the library's own code, word for word.

// Everything that the library includes comes before the names change their meaning.
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "atomic.hpp"
#include "kernel.hpp"

namespace std {
using ::weak::weak_future;
using ::weak::weak_mutex;
using ::weak::weak_promise;
using ::weak::weak_thread;
template <class T>
using weak_atomic = ::weak::atomic<T>;
namespace chrono {
using ::weak::weak_clock;
}
}  // namespace std

#define atomic weak_atomic
#define thread weak_thread
#define mutex weak_mutex
#define promise weak_promise
#define future weak_future
#define steady_clock weak_clock
#define pthread_self ::weak::this_thread_id
#define __builtin_ia32_rdtsc ::weak::tick_count
#define thread_local  // the executor's: see start_library()

#include "../../../src/bridge.cpp"
#include "../../../src/call/call.cpp"
#include "../../../src/call/completion_callback.cpp"
#include "../../../src/call/deferred.cpp"
#include "../../../src/call/operation.cpp"
#include "../../../src/call/returned_eventual.cpp"
#include "../../../src/errors.cpp"
#include "../../../src/handlers/reentrant.cpp"
#include "../../../src/loop/capacity.cpp"
#include "../../../src/loop/firing_register.cpp"
#include "../../../src/loop/loop_core.cpp"
#include "../../../src/loop/loop_handles.cpp"
#include "../../../src/loop/own_thread.cpp"
#include "../../../src/loop/reports.cpp"
#include "../../../src/loop/start.cpp"
#include "../../../src/loop/stats.cpp"
#include "../../../src/loop/stop.cpp"
#include "../../../src/loop/stop_when_idle.cpp"
#include "../../../src/loop/turn.cpp"
#include "../../../src/loop/wait_chain.cpp"
#include "../../../src/loop/wait_graph.cpp"
#include "../../../src/results/gathering.cpp"
#include "../../../src/sync/completion.cpp"
#include "../../../src/sync/futex.cpp"
#include "../../../src/sync/interrupt_flag.cpp"
#include "loopbridge/loopbridge.hpp"

namespace loopbridge::detail {

// Real threads' ends. Here each thread ends alike: see start_library().
bool run_at_thread_end(at_thread_end&) noexcept {
  return true;
}
thread_of_ours::thread_of_ours() noexcept = default;
thread_of_ours::~thread_of_ours() = default;
void reserve_stop_at_thread_end() {}
void stop_at_thread_end(loop_core&) noexcept {}

// Slabs have a test of their own, on threads.
void* allocate_block(std::size_t size, std::pmr::memory_resource*) {
  return ::operator new(size);
}
void release_block(void* block, std::size_t, std::pmr::memory_resource*) noexcept {
  ::operator delete(block);
}
void prepare_blocks_of_this_thread() noexcept {}

namespace platform {

int start_thread(thread_id& started, std::size_t, thread_body& body) noexcept {
  started = weak::start([&body] { body.run(body); }) + 1;
  return 0;
}
void join_thread(thread_id started) noexcept {
  weak::join(static_cast<unsigned>(started - 1));
}
void detach_thread(thread_id) noexcept {}
std::size_t default_stack_size() noexcept {
  return 0;
}
void name_this_thread(const std::string&) noexcept {}

void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline until) noexcept {
  weak::futex_sleep(
      &word, [&word] { return word.newest(); }, expected, until != no_deadline,
      until.time_since_epoch());
}
void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  weak::futex_wake(&word);
}

// A spin ends after a few looks.
int current_cpu() noexcept {
  return 0;
}
void pause_cpu() noexcept {
  weak::weak_clock::passed() += std::chrono::microseconds(20);
  weak::yield();
}
bool is_readable(int) noexcept {
  return false;  // no descriptor is watched
}
void yield_cpu() noexcept {
  weak::weak_clock::passed() += std::chrono::microseconds(4);
  weak::yield();
}

// No thread is cancelled, no signal comes but by the executor, no descriptor is opened.
cancellation_disabled::cancellation_disabled() noexcept : before_(0) {}
cancellation_disabled::~cancellation_disabled() = default;
signals_blocked::signals_blocked() noexcept : before_{}, blocked_(false) {}
signals_blocked::~signals_blocked() = default;
signal_mask default_blocked_signals() noexcept {
  return {};
}
void loop_signals::begin() noexcept {}
void loop_signals::open(std::uint64_t, bool) noexcept {}
void loop_signals::close(bool) noexcept {}
int try_descriptors(unsigned) noexcept {
  return 0;
}
standard_streams_taken::standard_streams_taken() noexcept : taken_(0) {}
standard_streams_taken::~standard_streams_taken() = default;
void take_standard_streams_in_forks() {}

}  // namespace platform

// No object is owned here: its list of blocks is freed at exit, when no executor is there any more.
void owned_object::free_parked() noexcept {}
void owned_object::end_object() noexcept {}

process_mark::process_mark() {
  static wiped_page page;
  page_ = &page;
  number_ = 0;
}
static std::array<std::atomic<std::uint32_t>, 64> lots;
process_mark::lookers& process_mark::looked_at() noexcept {
  static lookers of_waits;
  return of_waits;
}
std::size_t process_mark::number_of(const std::atomic<std::uint32_t>& lot) noexcept {
  return static_cast<std::size_t>(&lot - lots.data());
}
std::atomic<std::uint32_t>& process_mark::lot_at(std::size_t number) noexcept {
  return lots[number];
}
/// To each its own: one that is woken with another would hide that nobody woke it.
std::atomic<std::uint32_t>& process_mark::parking_lot(const void* address) noexcept {
  static std::array<const void*, lots.size()> users;
  static std::size_t used = 0;
  static std::uint64_t run = 0;
  if (run != weak::run_number()) used = 0;
  run = weak::run_number();
  const auto end = users.begin() + used;
  const auto found = std::find(users.begin(), end, address);
  if (found == end) {
    weak::require(used < users.size(), "too many sleep");
    users[used++] = address;
  }
  return lots[found - users.begin()];
}

// A watchdog has locks only; there is none here.
struct watchdog::thread {};
watchdog::watchdog(loop_core& core, const watchdog_options& opts, std::size_t)
    : core_(core), opts_(opts) {}
watchdog::~watchdog() = default;
void watchdog::end() noexcept {}
void watchdog::join() noexcept {}
void running_callable::begin(std::source_location) noexcept {}
void running_callable::end() noexcept {}

/// A descriptor that the loop polls: the write keeps no state.
class weak_doorbell final : public doorbell_base {
 public:
  int open(uv_loop_t* loop) noexcept override {
    handle_.data = static_cast<doorbell_base*>(this);
    weak::watch(loop, reinterpret_cast<uv_handle_t*>(&handle_), &bell_);
    return 0;
  }
  uv_handle_t* handle() noexcept override { return reinterpret_cast<uv_handle_t*>(&handle_); }
  void ring() noexcept override { bell_.write(); }
  void close(uv_close_cb on_closed) noexcept override { uv_close(handle(), on_closed); }
  bool handler_may_wait() const noexcept override { return true; }

 private:
  uv_poll_t handle_{};
  weak::descriptor bell_;
};

std::unique_ptr<doorbell_base> doorbell_base::make(doorbell) {
  return std::make_unique<weak_doorbell>();
}

}  // namespace loopbridge::detail

namespace weak {

/// Once, before the first exploration.
inline void start_library() {
  // What is static there is made now, and so before all that a run does.
  const loopbridge::detail::process_mark made;
  loopbridge::detail::process_mark::parking_lot(&made);
  make_thread_local(reinterpret_cast<void**>(&loopbridge::detail::own));
  at_thread_end([] {
    using namespace loopbridge::detail;
    if (own != nullptr) std::exchange(own, nullptr)->give_back();
  });
}

}  // namespace weak

#undef atomic
#undef thread
#undef mutex
#undef promise
#undef future
#undef steady_clock
#undef pthread_self
#undef __builtin_ia32_rdtsc
#undef thread_local
