#include <doctest/doctest.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <loopbridge/loopbridge.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("interruption");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::interrupt_source;
using support::generous;

interrupt_source ctrl_c;

void on_sigint(int) {
  const int before = errno;
  errno = ENOTTY;
  ctrl_c.trip();
  if (errno != ENOTTY) std::abort();
  errno = before;
}

/// The handler stands while this does.
class catches_sigint {
 public:
  explicit catches_sigint(int flags) {
    struct sigaction a{};
    a.sa_handler = on_sigint;
    a.sa_flags = flags;
    REQUIRE(sigaction(SIGINT, &a, &before_) == 0);
    ctrl_c.reset();
  }
  ~catches_sigint() { sigaction(SIGINT, &before_, nullptr); }
  catches_sigint(const catches_sigint&) = delete;
  catches_sigint& operator=(const catches_sigint&) = delete;

 private:
  struct sigaction before_;
};

/// Somebody waits for the bridge, asleep or about to.
void until_somebody_waits(const bridge& b, std::uint64_t how_many = 1) {
  REQUIRE(support::comes_true(
      [&] { return loopbridge::detail::bridge_access::core(b).waiting() == how_many; }));
}

/// A call that is answered when its completer says.
loopbridge::eventual<int> pending(bridge& b, completer<int>& done) {
  return b.submit([d = done.get_deferred()]() mutable { return std::move(d); });
}

}  // namespace

// Not under ThreadSanitizer, which keeps signals back and then may call doctest's handler of
// SIGINT.
TEST_CASE("a real SIGINT ends a wait on the very thread that waits, and on another one" *
          doctest::skip(support::has_tsan)) {
  for (const int flags : {0, SA_RESTART}) {
    for (const bool of_waiter : {true, false}) {
      const catches_sigint handler(flags);
      bridge b;
      completer<int> done;
      auto answer = pending(b, done);
      const pthread_t waiter = pthread_self();
      std::thread sender([&]() noexcept {
        until_somebody_waits(b);
        if (of_waiter) {
          pthread_kill(waiter, SIGINT);
        } else {
          raise(SIGINT);
        }
      });
      CHECK_THROWS_AS((void)answer.get(ctrl_c), loopbridge::interrupted);
      sender.join();
      // The call goes on, and may be waited for again.
      CHECK_FALSE(answer.ready());
      ctrl_c.reset();
      done.resolve(4);
      CHECK(answer.get(ctrl_c) == 4);
    }
  }
}

TEST_CASE("a signal to the process ends the wait, whichever thread takes it" *
          doctest::skip(support::has_tsan)) {
  const catches_sigint handler(SA_RESTART);
  bridge b;
  completer<int> done;
  auto answer = pending(b, done);
  std::thread sender([&]() noexcept {
    until_somebody_waits(b);
    kill(getpid(), SIGINT);
  });
  CHECK_THROWS_AS((void)answer.get_for(generous, ctrl_c), loopbridge::interrupted);
  sender.join();
  CHECK(answer.cancel());
}

TEST_CASE("one trip ends all waits that take it, and no others") {
  bridge b;
  interrupt_source stop;
  interrupt_source other;
  completer<int> done;
  auto answer = pending(b, done);
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&]() noexcept {
      CHECK_THROWS_AS((void)answer.get(stop), loopbridge::interrupted);
      ++ended;
    });
  }
  threads.emplace_back([&]() noexcept { CHECK(answer.get(other) == 6); });
  threads.emplace_back([&]() noexcept { CHECK(answer.get() == 6); });
  until_somebody_waits(b, 5);
  stop.trip();
  for (int i = 0; i < 3; ++i) threads[static_cast<std::size_t>(i)].join();
  CHECK(ended == 3);
  until_somebody_waits(b, 2);
  done.resolve(6);
  threads[3].join();
  threads[4].join();
}

TEST_CASE(
    "a wait that begins when it is tripped already ends at once, unless the result is there") {
  bridge b;
  interrupt_source stop;
  stop.trip();
  CHECK(stop.is_tripped());
  completer<int> done;
  auto answer = pending(b, done);
  CHECK_THROWS_AS((void)answer.get(stop), loopbridge::interrupted);
  done.resolve(1);
  CHECK(answer.get_for(generous) == 1);
  CHECK(answer.get(stop) == 1);
  CHECK(std::move(answer).get(stop) == 1);
}

TEST_CASE("a timeout is told from an interruption") {
  bridge b;
  interrupt_source stop;
  completer<int> done;
  auto answer = pending(b, done);
  CHECK_THROWS_AS((void)answer.get_for(std::chrono::milliseconds(1), stop), loopbridge::timed_out);
  try {
    stop.trip();
    (void)answer.get_for(generous, stop);
    FAIL("not interrupted");
  } catch (const loopbridge::interrupted& e) {
    CHECK(std::string(e.what()).find("interruption_test.cpp") != std::string::npos);
    CHECK(std::string(e.what()).find("cancel()") != std::string::npos);
  }
}

TEST_CASE("a std::stop_token ends a wait, requested before or meanwhile; later ones need another") {
  bridge b;
  completer<int> done;
  auto answer = pending(b, done);
  std::stop_source source;
  std::thread stopper([&]() noexcept {
    until_somebody_waits(b);
    source.request_stop();
  });
  CHECK_THROWS_AS((void)answer.get(source.get_token()), loopbridge::interrupted);
  stopper.join();
  CHECK_THROWS_AS((void)answer.get_for(generous, source.get_token()), loopbridge::interrupted);
  CHECK_THROWS_AS((void)std::move(answer).get(source.get_token()), loopbridge::interrupted);
  done.resolve(2);
  CHECK(answer.get(std::stop_token()) == 2);  // one that nobody can stop
}

TEST_CASE("trips and answers that come at the same time lose neither") {
  bridge b;
  for (int i = 0; i < 500; ++i) {
    interrupt_source stop;
    completer<int> done;
    auto answer = pending(b, done);
    std::thread other([&]() noexcept {
      if (i % 2 == 0) {
        stop.trip();
        done.resolve(i);
      } else {
        done.resolve(i);
        stop.trip();
      }
    });
    int answered = -1;
    try {
      answered = answer.get_for(generous, stop);
    } catch (const loopbridge::interrupted&) {
      answered = answer.get_for(generous);
    }
    CHECK(answered == i);
    other.join();
  }
}
