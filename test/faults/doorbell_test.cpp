// A doorbell that is full, or that the program has closed. Run with the eventfd and, by
// doorbell_pipe_test.cpp, with the pipe that other systems use.
#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <set>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("faults: doorbell");

using loopbridge::bridge;

namespace {

/// An adopted loop's doorbell: the descriptors that came with its bridge.
struct adopted {
  support::app_loop app;
  const std::set<int> before = support::open_descriptors();
  bridge b = bridge::adopt(&app.loop);

  std::vector<int> doorbell() const {
    std::vector<int> fds;
    for (const int fd : support::open_descriptors()) {
      if (before.count(fd) == 0) fds.push_back(fd);
    }
    return fds;
  }
};

/// Writes until there is no room; false: it cannot be filled, or blocks.
bool fill(const std::vector<int>& fds) {
  for (const int fd : fds) {
    if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) return false;
    // For an eventfd first all that it holds at once, from nothing.
    std::uint64_t held;
    (void)!read(fd, &held, sizeof(held));
    for (const std::uint64_t value : {UINT64_MAX - 1, std::uint64_t{1}}) {
      while (write(fd, &value, sizeof(value)) > 0) {
      }
    }
    if (errno != EAGAIN && errno != EBADF) return false;  // EBADF: a pipe's end for reading
  }
  return !fds.empty();
}

}  // namespace

TEST_CASE("a full doorbell counts as rung: nobody blocks, and every call is answered") {
  const support::watchdog no_hang;
  adopted a;
  const std::vector<int> doorbell = a.doorbell();
  for (int round = 0; round < 3; ++round) {
    REQUIRE(fill(doorbell));
    std::atomic<int> ran{0};
    const support::gate submitted;
    std::thread submitter([&]() noexcept {  // the loop does not turn: it counts as asleep
      for (int i = 0; i < 100; ++i) a.b.post([&ran] { ++ran; });
      const auto answer = a.b.submit([&ran] { return ++ran; });
      (void)a.b.post_reentrant([](std::atomic<int>* n) { ++*n; }, &ran);
      submitted.open();
      if (!answer.wait_for(support::generous)) ran = -1;
    });
    CHECK(submitted.wait());  // before a turn empties it
    a.app.keep_alive();
    while (ran < 102) uv_run(&a.app.loop, UV_RUN_ONCE);
    submitter.join();
    CHECK(ran == 102);
    a.app.let_go();
    uv_run(&a.app.loop, UV_RUN_NOWAIT);
  }
}

TEST_CASE("a ring wakes a loop that has seen the doorbell full, and went on to sleep") {
  const support::watchdog no_hang;
  adopted a;
  uv_loop_t* const loop = &a.app.loop;
  a.app.keep_alive();
  int ran = 0;
  a.b.post([&ran] { ++ran; });
  while (ran == 0) uv_run(loop, UV_RUN_NOWAIT);  // an eventfd is asked for its edges from now on
  REQUIRE(fill(a.doorbell()));
  while (a.app.is_rung()) uv_run(loop, UV_RUN_NOWAIT);
  a.b.post([&ran] { ++ran; });
  CHECK(a.app.is_rung());
  while (ran == 1) uv_run(loop, UV_RUN_NOWAIT);
  a.app.let_go();
}

TEST_CASE("threads call through it, and a stop ends it") {
  bridge b;
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int i = 0; i < 500; ++i) sum += b.call_for(support::generous, [] { return 1; });
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(sum == 1000);
  support::held_loop held(b);
  const auto last = b.submit([] { return 7; });
  held.release();
  b.stop();
  CHECK(last.get() == 7);
}

TEST_CASE("a doorbell that the program closed ends the process at the next ring, and says why") {
  CHECK(support::in_child([] {
          adopted a;
          for (const int fd : a.doorbell()) close(fd);
          a.b.post([] {});
          return 1;
        }) == 300 + SIGABRT);
}
