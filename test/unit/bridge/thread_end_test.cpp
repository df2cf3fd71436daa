#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "support/app_loop.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("thread_end");

namespace {

using loopbridge::bridge;
using support::generous;

loopbridge::options ends_with_its_thread() {
  loopbridge::options opts;
  opts.stop_at_thread_end = true;
  return opts;
}

/// In a child: makes a bridge here, and has another thread wait for it, which says how that ended.
void begin_to_wait() {
  alarm(20);
  static bridge& b = *new bridge(ends_with_its_thread());  // neither is ever destroyed
  static auto& never = *new loopbridge::completer<int>;
  std::thread([]() noexcept {
    try {
      b.submit([] { return never.get_deferred(); }).get();
    } catch (const loopbridge::bridge_stopped&) {
      _exit(42);
    }
    _exit(1);
  }).detach();
}

void* to_pointer(pid_t child) {
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(child));
}

/// What the child exits with that `forks`, on a thread with no frame but its own, which is the
/// child's main thread.
int status_of(void* (*forks)(void*)) {
  pthread_t thread;
  REQUIRE(pthread_create(&thread, nullptr, forks, nullptr) == 0);
  void* child = nullptr;
  REQUIRE(pthread_join(thread, &child) == 0);
  int status = 0;
  const auto pid = static_cast<pid_t>(reinterpret_cast<std::intptr_t>(child));
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE(
    "a bridge may stop when the thread ends that made it, and releases the waiters elsewhere") {
  const support::gate made;
  const support::gate waits;
  std::unique_ptr<bridge> b;
  loopbridge::completer<int> never;
  std::optional<loopbridge::eventual<int>> answer;
  std::thread maker([&]() noexcept {
    b = std::make_unique<bridge>(ends_with_its_thread());
    answer = b->submit([&] { return never.get_deferred(); });
    made.open();
    (void)waits.wait();
  });
  REQUIRE(made.wait());
  CHECK_FALSE(b->stop_requested());
  std::thread waiter([&]() noexcept {
    waits.open();
    CHECK_THROWS_AS(answer->get_for(generous), loopbridge::bridge_stopped);
  });
  maker.join();
  waiter.join();
  CHECK(b->stop_requested());
}

TEST_CASE("without the option it goes on") {
  std::unique_ptr<bridge> b;
  std::thread([&]() noexcept { b = std::make_unique<bridge>(); }).join();
  CHECK(b->call_for(generous, [] { return 1; }) == 1);
}

TEST_CASE("bridges that are gone before their thread are no trouble, however many") {
  std::thread([]() noexcept {
    for (int i = 0; i < 100; ++i) {
      bridge b(ends_with_its_thread());
      b.call([] {});
    }
  }).join();
}

TEST_CASE("an adopted loop's bridge stops, too") {
  support::app_loop app;
  std::optional<bridge> b;
  std::thread([&]() noexcept { b = bridge::adopt(&app.loop, ends_with_its_thread()); }).join();
  CHECK(b->stop_requested());
  uv_run(&app.loop, UV_RUN_NOWAIT);
}

// ThreadSanitizer allows no threads in a child of a process that has had some.
TEST_CASE("the main thread ends by pthread_exit while another waits: that one is released" *
          doctest::skip(support::has_tsan)) {
  CHECK(status_of(+[](void*) -> void* {
          if (const pid_t child = fork(); child != 0) return to_pointer(child);
          begin_to_wait();
          pthread_exit(nullptr);
        }) == 42);
}

TEST_CASE("main returns while another waits: that one is released before older static objects end" *
          doctest::skip(support::has_tsan)) {
  CHECK(status_of(+[](void*) -> void* {
          if (const pid_t child = fork(); child != 0) return to_pointer(child);
          std::atexit([] { pause(); });  // until the other has said how its wait ended
          begin_to_wait();
          std::exit(1);
        }) == 42);
}
