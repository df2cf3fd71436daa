#include "sync/futex.hpp"

#include <doctest/doctest.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("futex");

namespace {

using loopbridge::detail::deadline;
using loopbridge::detail::futex_wait;
using loopbridge::detail::futex_wake_all;
using loopbridge::detail::no_deadline;
using loopbridge::detail::process_mark;
using word = std::atomic<std::uint32_t>;

const process_mark here;

/// How the sleep's caller does it. False: in a child.
bool sleep_while(const word& w, std::uint32_t expected) {
  while (w.load(std::memory_order_acquire) == expected) {
    if (!futex_wait(w, expected, no_deadline, here)) return false;
  }
  return true;
}
void set_and_wake(word& w, std::uint32_t value) {
  w.store(value, std::memory_order_release);
  futex_wake_all(w);
}

}  // namespace

TEST_CASE("a sleep on a word that has changed already, or until a time gone by, is over at once") {
  const word w{7};
  errno = 1234;
  CHECK(futex_wait(w, 8, no_deadline, here));
  CHECK(futex_wait(w, 7, std::chrono::steady_clock::now() + std::chrono::milliseconds(1), here));
  CHECK(futex_wait(w, 7, deadline{}, here));
  CHECK(futex_wait(w, 7, deadline::min(), here));
  futex_wake_all(w);
  CHECK(errno == 1234);
}

TEST_CASE("a wake reaches all sleepers of the word, and none of another that shares the lot") {
  std::vector<word> words(20'000);
  std::size_t other = 1;
  while (&process_mark::parking_lot(&words[other]) != &process_mark::parking_lot(&words[0])) {
    REQUIRE(++other < words.size());
  }
  std::atomic<int> awake{0};
  std::atomic<pid_t> ids[3]{};
  std::vector<std::thread> sleepers;
  for (auto& id : ids) {
    word& w = &id == ids ? words[other] : words[0];
    sleepers.emplace_back([&]() noexcept {
      id = gettid();
      if (sleep_while(w, 0)) ++awake;
    });
  }
  for (const auto& id : ids) {
    REQUIRE(support::comes_true([&] { return id != 0 && support::sleeps(id); }));
  }
  set_and_wake(words[0], 1);
  CHECK(support::comes_true([&] { return awake == 2; }));
  CHECK(support::comes_true([&] { return support::sleeps(ids[0]); }));  // once more
  CHECK(awake == 2);
  set_and_wake(words[other], 1);
  for (std::thread& t : sleepers) t.join();
  CHECK(awake == 3);
}

TEST_CASE("a wake-up while a thread falls asleep is not missed") {
  constexpr std::uint32_t rounds = 20'000;
  word ping{0};
  word pong{0};
  std::thread other([&]() noexcept {
    for (std::uint32_t n = 0; n < rounds; ++n) {
      sleep_while(ping, n);
      set_and_wake(pong, n + 1);
    }
  });
  for (std::uint32_t n = 0; n < rounds; ++n) {
    set_and_wake(ping, n + 1);
    sleep_while(pong, n);
  }
  other.join();
  CHECK(pong == rounds);
}

namespace {

std::atomic<pid_t> child{0};
bool marks_itself = false;

/// Without any of what fork() does for the sake of its caller.
void fork_in_handler(int) {
  const auto made = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (made != 0) return child.store(made);
  alarm(20);
  if (marks_itself) const process_mark of_the_child;
}

}  // namespace

// ThreadSanitizer lets handlers run when the sleep is over.
TEST_CASE("a sleep that a handler interrupts and forks in is over in the child" *
          doctest::skip(support::has_tsan)) {
  struct sigaction action{};
  action.sa_handler = fork_in_handler;
  action.sa_flags = SA_RESTART;  // the kernel resumes the sleep, in both
  struct sigaction before{};
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  word words[2]{};  // not one after the other, in the lot where the first was woken
  for (const bool marked : {false, true}) {
    CAPTURE(marked);
    marks_itself = marked;
    child = 0;
    word& w = words[marked ? 1 : 0];
    std::atomic<pid_t> id{0};
    const pid_t parent = getpid();
    bool answered = false;
    std::thread sleeper([&]() noexcept {
      id = static_cast<pid_t>(syscall(SYS_gettid));
      answered = sleep_while(w, 0);
      if (syscall(SYS_getpid) != parent) _exit(answered ? 1 : 0);
    });
    CHECK(support::comes_true([&] { return id != 0 && support::sleeps(id); }));
    pthread_kill(sleeper.native_handle(), SIGUSR1);
    CHECK(support::comes_true([&] { return child != 0; }));
    CHECK(support::exit_code_of(child) == 0);
    set_and_wake(w, 1);
    sleeper.join();
    CHECK(answered);
  }
  sigaction(SIGUSR1, &before, nullptr);
}
