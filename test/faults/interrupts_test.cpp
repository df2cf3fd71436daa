// Signals at all times, on every thread: handlers without SA_RESTART, so that each system call
// under way ends in EINTR.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("faults: interrupts");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::options;

namespace {

std::atomic<long> interruptions{0};

/// Signals the given threads, each as soon as it has handled the last one, until it is destroyed,
/// before any of them ends. The handler stays: the last signals may be handled late.
class storm {
 public:
  explicit storm(std::vector<pthread_t> targets) {
    struct sigaction action{};
    action.sa_handler = [](int) { ++interruptions; };
    REQUIRE(sigaction(SIGUSR2, &action, nullptr) == 0);
    thread_ = std::thread([this, targets = std::move(targets)]() noexcept {
      while (!over_) {
        for (const pthread_t target : targets) pthread_kill(target, SIGUSR2);
        const long seen = interruptions;
        for (int i = 0; i < 100 && interruptions == seen; ++i) std::this_thread::yield();
      }
    });
  }
  ~storm() {
    over_ = true;
    thread_.join();
  }
  storm(const storm&) = delete;
  storm& operator=(const storm&) = delete;

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// A bridge whose loop's thread can be interrupted as well.
options open_to_signals() {
  options opts = support::with_each_doorbell();
  opts.blocked_signals.emplace();
  sigemptyset(&*opts.blocked_signals);
  return opts;
}

pthread_t thread_of(bridge& b) {
  return b.call([] { return pthread_self(); });
}

}  // namespace

TEST_CASE("interrupted submitters, waiters and loops lose and double no call") {
  bridge b(open_to_signals());
  const long before = interruptions;
  int rounds = 0;
  int ran = 0;
  int answers = 0;
  {
    const storm here({pthread_self()});
    std::optional<storm> there(std::in_place, std::vector{thread_of(b)});
    const auto until = std::chrono::steady_clock::now() + support::generous;
    const auto enough = [&] {
      return rounds >= 300 &&
             (interruptions - before >= 1000 || std::chrono::steady_clock::now() > until);
    };
    for (; !enough(); ++rounds) {
      b.post([&ran] { ++ran; });
      answers += b.call([] { return 1; });
      answers += b.submit([] { return 1; }).get();
      answers += b.call_for(support::generous, [] { return 1; });
      answers += b.submit([&b] {
                    loopbridge::completer<int> done;
                    auto later = done.get_deferred();
                    b.post([d = std::move(done)]() mutable { d.resolve(1); });
                    return later;
                  }).get();
    }
    there.reset();
    b.stop();
  }
  CHECK(interruptions - before >= 1000);
  CHECK(ran == rounds);
  CHECK(answers == 4 * rounds);
  std::printf("%ld interruptions of %d calls\n", interruptions - before, 5 * rounds);
}

TEST_CASE("an interrupted wait ends neither before its deadline nor without its answer") {
  bridge b(open_to_signals());
  loopbridge::completer<int> done;
  const auto never = b.submit([&done] { return done.get_deferred(); });
  {
    const storm s({pthread_self(), thread_of(b)});
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(never.wait_for(100ms));
    CHECK(std::chrono::steady_clock::now() - began >= 100ms);
    const auto again = std::chrono::steady_clock::now();
    loopbridge::completer<int> other;
    CHECK_THROWS_AS(b.call_for(50ms, [&other] { return other.get_deferred(); }),
                    loopbridge::timed_out);
    CHECK(std::chrono::steady_clock::now() - again >= 50ms);
    std::thread answerer([&done]() noexcept { done.resolve(7); });
    CHECK(never.get_for(support::generous) == 7);
    answerer.join();
  }
}

TEST_CASE("bridges start and stop while their makers are interrupted") {
  const options opts = open_to_signals();
  const storm s({pthread_self()});
  for (int i = 0; i < 20; ++i) {
    bridge b(opts);
    CHECK(b.call([] { return 7; }) == 7);
  }
}
