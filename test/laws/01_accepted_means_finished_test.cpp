// Law 1: an accepted submission runs exactly once on the loop thread, or its result ends in
// bridge_stopped or cancelled; a refused one says so at once and runs nothing. Its callable is
// destroyed exactly once, before the waiter is released.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("law 1: accepted means finished");

using loopbridge::status;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long storm_submissions = 400'000;  // some thirty times slower there
#else
constexpr long storm_submissions = 10'000'000;
#endif

constexpr unsigned threads = 4;

/// The real signal, at 1 kHz of process time, onto whatever thread is running.
class signal_storm {
 public:
  explicit signal_storm(void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    REQUIRE(sigaction(SIGALRM, &action, &before_) == 0);
    const itimerval each_millisecond{{0, 1000}, {0, 1000}};
    REQUIRE(setitimer(ITIMER_REAL, &each_millisecond, nullptr) == 0);
  }
  ~signal_storm() {
    const itimerval off{};
    setitimer(ITIMER_REAL, &off, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;

 private:
  struct sigaction before_{};
};

// What the handler reaches.
loopbridge::bridge* storm_bridge = nullptr;
loopbridge::reentrant_call* storm_call = nullptr;
std::atomic<long> handler_runs{0};
std::atomic<long> handler_accepted{0};
std::atomic<long> handler_answered{0};  // by the loop: what it ran for the handler
std::atomic<long> handler_waited{0};

void on_alarm(int) {
  const long n = ++handler_runs;
  if (storm_bridge->post_reentrant([] { ++handler_answered; }) == status::accepted) {
    ++handler_accepted;
  }
  if (n % 16 != 0) {
    if (storm_call->post() == status::accepted) ++handler_accepted;
  } else if (storm_call->call_for(support::generous) == status::answered) {
    ++handler_accepted;
    ++handler_waited;
  }
}

}  // namespace

TEST_CASE("10 million submissions from 4 threads in a signal storm are each answered once") {
  loopbridge::bridge b;
  loopbridge::reentrant_call fired(b, [](std::uint64_t n) { handler_answered += long(n); });
  storm_bridge = &b;
  storm_call = &fired;
  handler_runs = handler_accepted = handler_answered = handler_waited = 0;
  constexpr long per_thread = storm_submissions / threads;
  // One byte for each submission, written on the loop thread only.
  std::vector<std::vector<unsigned char>> ran(threads, std::vector<unsigned char>(per_thread));
  std::atomic<long> failed{0};
  {
    const signal_storm storm(on_alarm);
    std::vector<std::jthread> submitters;
    for (unsigned t = 0; t < threads; ++t) {
      submitters.emplace_back([&, t]() noexcept {
        unsigned char* const own = ran[t].data();
        for (long i = 0; i < per_thread; ++i) {
          if (i % 1000 == 0) {  // now and then wait, so that the queue does not grow to millions
            if (b.call([own, i] { return ++own[i]; }) != 1) ++failed;
          } else if (i % 7 == 0) {
            (void)b.submit([own, i] { ++own[i]; });
          } else {
            b.post([own, i] { ++own[i]; });
          }
        }
      });
    }
  }
  // Handlers fired before the timer was stopped have returned: this thread's last, the joined
  // ones'.
  b.stop();  // what is queued runs
  long lost = 0;
  long doubled = 0;
  for (const auto& own : ran) {
    for (const unsigned char n : own) {
      lost += n == 0;
      doubled += n > 1;
    }
  }
  std::printf("storm: %ld submissions, %ld handlers, %ld of them waited\n", storm_submissions,
              handler_runs.load(), handler_waited.load());
  CHECK(lost == 0);
  CHECK(doubled == 0);
  CHECK(failed == 0);
  CHECK(handler_runs > 0);
  CHECK(handler_answered == handler_accepted);
}

TEST_CASE("a refused submission runs nothing and destroys its callable at once") {
  loopbridge::bridge b;
  b.stop();
  auto alive = std::make_shared<int>();
  std::atomic<bool> ran{false};
  const auto callable = [&ran, alive] { ran = true; };
  CHECK_THROWS_AS(b.post(callable), loopbridge::bridge_stopped);
  CHECK_THROWS_AS((void)b.submit(callable), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(b.call(callable), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(b.call_for(support::generous, callable), loopbridge::bridge_stopped);
  auto copy = callable;
  CHECK(b.try_post(std::move(copy)) == status::bridge_stopped);
  CHECK(b.post_reentrant([] {}) == status::bridge_stopped);
  CHECK_FALSE(ran);
  CHECK(alive.use_count() == 2);  // here and in `callable`; `copy` was moved into the refused call
}

TEST_CASE("the callable is destroyed on the loop thread before the waiter is released") {
  loopbridge::bridge b;
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> destroyed_on_loop{false};
    struct probe {
      loopbridge::bridge* b;
      std::atomic<bool>* destroyed_on_loop;
      void operator()(bool*) const { *destroyed_on_loop = b->on_loop_thread(); }
    };
    bool any = false;
    std::unique_ptr<bool, probe> p(&any, probe{&b, &destroyed_on_loop});
    if (i % 2 == 0) {
      b.call([q = std::move(p)] {});
    } else {
      const auto answer = b.submit([q = std::move(p)] {});
      REQUIRE(answer.wait_for(support::generous));
    }
    CHECK(destroyed_on_loop);
  }
}

TEST_CASE("a call that is cancelled while it is queued never runs, and its callable is gone") {
  loopbridge::bridge b;
  const support::held_loop held(b);
  auto alive = std::make_shared<int>();
  std::atomic<bool> ran{false};
  auto answer = b.submit([&ran, alive] { ran = true; });
  CHECK(answer.cancel());
  CHECK(alive.use_count() == 1);
  CHECK(answer.ready());
  CHECK_THROWS_AS(answer.get(), loopbridge::cancelled);
  CHECK_FALSE(answer.cancel());
  held.release();
  b.call([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("calls queued at stop() are run or refused, as chosen, and none is forgotten") {
  for (const auto policy : {loopbridge::queued_calls::run, loopbridge::queued_calls::refuse}) {
    std::atomic<int> reported{0};
    loopbridge::bridge b(loopbridge::options{
        .on_unhandled_error = [&](const loopbridge::unhandled_error&) { ++reported; },
        .on_stop = policy});
    const support::held_loop held(b);
    std::atomic<int> ran{0};
    std::vector<loopbridge::eventual<void>> answers;
    for (int i = 0; i < 100; ++i) answers.push_back(b.submit([&] { ++ran; }));
    for (int i = 0; i < 100; ++i) b.post([&] { ++ran; });
    b.stop_reentrant();  // closed from here on, while the loop is still in the first call
    CHECK_THROWS_AS(b.post([&] { ++ran; }), loopbridge::bridge_stopped);
    held.release();
    b.stop();
    int stopped = 0;
    for (const auto& answer : answers) {
      REQUIRE(answer.ready());
      try {
        answer.get();
      } catch (const loopbridge::bridge_stopped&) {
        ++stopped;
      }
    }
    if (policy == loopbridge::queued_calls::run) {
      CHECK(ran == 200);
      CHECK(stopped == 0);
      CHECK(reported.load() == 0);
    } else {
      CHECK(ran == 0);
      CHECK(stopped == 100);
      CHECK(reported.load() == 100);  // the posts: nobody waits for those
    }
  }
}
