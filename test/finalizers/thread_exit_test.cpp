// Destructors that run when a thread ends: of thread_local objects, before and after those of the
// library's own, of pthread keys, and on the loop's thread itself.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "every_way.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("destructors at a thread's end");

namespace {

using loopbridge::bridge;

/// Runs a function when the thread ends that first came here. Each place has an object of its own.
struct at_thread_exit {
  std::function<void()> run;
  ~at_thread_exit() {
    if (run) run();
  }
};

}  // namespace

TEST_CASE("a thread's destructors may submit and wait, before and after the library's own") {
  const support::watchdog dog;
  every_way::own_target own;
  std::string before, after;
  std::thread([&]() noexcept {
    // Destroyed in reverse; what the library keeps for a thread, since its first call, in between.
    thread_local at_thread_exit destroyed_after;
    destroyed_after.run = [&] { after = every_way::submit(own.t); };
    own.bridge.call_for(support::generous, [&] { ++own.runs; });
    thread_local at_thread_exit destroyed_before;
    destroyed_before.run = [&] { before = every_way::submit(own.t); };
  }).join();
  CHECK(own.has_run() == 1 + 8 + 8);
  CHECK(before == every_way::works);
  CHECK(after == every_way::works);
}

TEST_CASE("a pthread key's destructor, which comes after those, may submit and wait") {
  const support::watchdog dog;
  every_way::own_target own;
  pthread_key_t key;
  REQUIRE(pthread_key_create(&key, [](void* p) {
            auto& to = *static_cast<every_way::own_target*>(p);
            to.said = every_way::submit(to.t);
          }) == 0);
  std::thread([&]() noexcept {
    pthread_setspecific(key, &own);
    own.bridge.post([&] { ++own.runs; });
  }).join();
  pthread_key_delete(key);
  CHECK(own.has_run() == 1 + 8);
  CHECK(own.said == every_way::works);
}

TEST_CASE("of a thousand ending threads each is heard of once") {
  const support::watchdog dog;
  constexpr int at_once = 4, rounds = 250;
  std::vector<int> heard(at_once * rounds);  // the loop's
  bridge b;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < at_once; ++t) {
      int& mine = heard[static_cast<std::size_t>(round * at_once + t)];
      threads.emplace_back([&b, &mine]() noexcept {
        thread_local at_thread_exit reports;
        reports.run = [&] { b.post([&] { ++mine; }); };
      });
    }
    for (std::thread& t : threads) t.join();
  }
  support::catch_up(b);
  CHECK(heard == std::vector<int>(at_once * rounds, 1));
}

TEST_CASE("destructors at the end of the loop's thread: its own bridge refuses, another works") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  every_way::own_target elsewhere;
  std::string own_said;
  {
    std::optional<every_way::target> own;
    bridge b;
    own.emplace(b, runs);
    b.call_for(support::generous, [&] {
      thread_local at_thread_exit reports;
      reports.run = [&] {
        own_said = every_way::submit(*own);
        elsewhere.said = every_way::submit(elsewhere.t);
      };
    });
    b.stop();  // has returned when the thread has ended
    CHECK(own_said == every_way::refused);
    CHECK(elsewhere.said == every_way::works);
  }
  CHECK(runs == 0);
  CHECK(elsewhere.has_run() == 8);
}

TEST_CASE("a bridge may be thread_local: what is queued runs before its thread has ended") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  std::thread([&]() noexcept {
    thread_local bridge own;
    for (int i = 0; i < 1000; ++i) own.post([&] { ++runs; });
  }).join();
  CHECK(runs == 1000);
}
