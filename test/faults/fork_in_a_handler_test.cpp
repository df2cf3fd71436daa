// A handler forks in the middle of a call: the child refuses, waits for nobody and rings nobody,
// the parent's call goes on as if nothing had happened.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>

#include "faults/support/failing_calls.hpp"
#include "stepping/support/stepper.hpp"
#include "support/doorbells.hpp"
#include "support/gate.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("faults: fork in a handler");

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::status;
namespace calls = support::calls;

namespace {

/// 0: this is what a bridge of the parent's must be in a child.
int refuses(bridge& b) {
  if (b.try_post([] {}) != status::wrong_process) return 10;
  if (b.post_reentrant([] {}) != status::wrong_process) return 11;
  try {
    b.call([] {});
    return 12;
  } catch (const loopbridge::wrong_process&) {
  }
  return 0;
}

/// What one sweep saw.
struct seen {
  int points = 0;
  int bad_children = 0;
  int late_rings = 0;  ///< the fork came between the decision to ring and the ring
  int wrong_answers = 0;
};

/// Forks at every seventh instruction of `operation`, which returns whether all is well.
seen fork_at_each_instruction(bridge& b, const std::function<bool()>& operation) {
  seen s;
  for (unsigned k = 1;; k += 7) {
    support::until_asleep(b);
    pid_t child = -1;
    int ended = 0;
    bool well = false;
    const auto fork_here = [&] {
      child = _Fork();  // fork() takes malloc's lock, which the interrupted code may hold
      if (child == 0) {
        alarm(20);
        calls::rings = 0;
      } else {
        ended = support::exit_code_of(child);
      }
    };
    const auto operate = [&] {
      try {
        well = operation();
      } catch (const loopbridge::wrong_process&) {
        well = child == 0;
      }
    };
    const bool fired = stepping::interrupt_at({k, 0, 0}, operate, fork_here);
    if (child == 0) {
      const long rung = calls::rings;
      const int failed = well ? refuses(b) : 13;
      _exit(failed != 0 ? failed : rung != 0 ? 20 : 0);
    }
    if (!fired) return s;
    ++s.points;
    if (ended == 20) ++s.late_rings;
    if (ended != 0 && ended != 20) {
      ++s.bad_children;
      MESSAGE("boundary ", k, ": the child ended with ", ended);
    }
    if (!well) ++s.wrong_answers;
  }
}

constexpr bool unsteppable = !stepping::available;

/// `late`: how many rings may come from a child. Only the last instructions before the system call
/// do that; libuv takes more of them.
void check(const char* name, const seen& s, int late) {
  std::printf("forked in a handler at %d instructions of %s; %d late rings\n", s.points, name,
              s.late_rings);
  CHECK(s.points > 20);
  CHECK(s.bad_children == 0);
  CHECK(s.wrong_answers == 0);
  CHECK(s.late_rings <= late);
}

}  // namespace

TEST_CASE("a fork at any instruction of a post or submit leaves the call to the parent" *
          doctest::skip(unsteppable)) {
  const loopbridge::options opts = support::with_each_doorbell();
  const int late = opts.doorbell == loopbridge::doorbell::wakeup_fd ? 8 : 12;
  bridge b(opts);
  std::atomic<int> ran{0};
  int asked = 0;
  check("post",
        fork_at_each_instruction(b,
                                 [&] {
                                   b.post([&ran] { ++ran; });
                                   ++asked;
                                   return true;
                                 }),
        late);
  check("submit",
        fork_at_each_instruction(b,
                                 [&] {
                                   const auto answer = b.submit([&ran] { ++ran; });
                                   ++asked;
                                   return true;
                                 }),
        late);
  b.call([] {});
  CHECK(ran == asked);
}

namespace {

// For the handler, and the hook before a sleep.
volatile pid_t forked = -1;
std::atomic<bool> to_fork{false};

void fork_now() {
  forked = fork();
  if (forked == 0) alarm(20);
}
void fork_on_signal(int) {
  fork_now();
}

/// Forks in `wait`: by a handler in its sleep, which is to be resumed after handlers (SA_RESTART);
/// `or_before`, also just before it sleeps, when only its next look can tell. In the child it must
/// end in wrong_process, in the parent it must be answered, which happens once the gate that it is
/// given is open.
template <class Wait>
void fork_in(const char* name, bool or_before, Wait&& wait) {
  CAPTURE(std::string(name));
  const pid_t parent = getpid();
  static pthread_t waiter;
  waiter = pthread_self();
  const pid_t waiter_id = gettid();
  struct sigaction action{};
  action.sa_handler = fork_on_signal;
  action.sa_flags = SA_RESTART;
  struct sigaction before{};
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  for (const bool in_its_sleep : {false, true}) {
    CAPTURE(in_its_sleep);
    if (!in_its_sleep && !or_before) continue;
    forked = -1;
    to_fork = !in_its_sleep;
    calls::before_futex_wait = [] {
      if (pthread_equal(pthread_self(), waiter) && to_fork.exchange(false)) fork_now();
    };
    const support::gate answer;
    const long waits = calls::futex_waits;
    std::thread helper([&]() noexcept {
      bool came = support::comes_true([&] { return calls::futex_waits != waits; });
      if (in_its_sleep) {
        came = came && support::comes_true([&] { return support::sleeps(waiter_id); });
        pthread_kill(waiter, SIGUSR1);
      }
      came = came && support::comes_true([&] { return forked != -1; });
      CHECK(came);
      answer.open();
    });
    int failed = 0;
    try {
      failed = wait(answer);
    } catch (const loopbridge::wrong_process&) {
      failed = -1;
    }
    if (getpid() != parent) _exit(failed == -1 ? 0 : 21);
    helper.join();
    CHECK(failed == 0);
    CHECK(support::exit_code_of(forked) == 0);
  }
  calls::before_futex_wait = nullptr;
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace

TEST_CASE("a wait that a fork interrupts ends in the child, and goes on in the parent" *
          doctest::skip(support::has_tsan)) {
  const loopbridge::options opts;
  bridge b(opts);
  loopbridge::reentrant_call prepaid(b, [] {});
  const auto at = [](const support::gate& g) { return [g] { return g.wait() ? 0 : 1; }; };
  fork_in("call", true, [&](const support::gate& g) { return b.call(at(g)); });
  fork_in("call_for", false, [&](const support::gate& g) { return b.call_for(20s, at(g)); });
  fork_in("get", false, [&](const support::gate& g) { return b.submit(at(g)).get(); });
  fork_in("wait_for", false, [&](const support::gate& g) {
    return b.submit(at(g)).wait_for(support::generous) ? 0 : 1;
  });
  fork_in("reentrant_call", true, [&](const support::gate& g) {
    b.post([=] { (void)g.wait(); });
    const status s = prepaid.call_for(20s);
    return s == status::answered ? 0 : s == status::wrong_process ? -1 : 1;
  });
  fork_in("a constructor", false, [&](const support::gate& g) {
    loopbridge::options slow = opts;
    slow.on_thread_start = [g] { (void)g.wait(); };
    return bridge(slow).call([] { return 0; });
  });
  const pid_t parent = getpid();
  std::optional<bridge> others[4];
  for (auto& other : others) other.emplace(opts);
  int next = 0;
  fork_in("stop", true, [&](const support::gate& g) {
    bridge& other = *others[next++];
    other.post([g] { (void)g.wait(); });
    other.stop();
    return 0;
  });
  fork_in("a destructor", false, [&](const support::gate& g) {
    auto& other = others[next++];
    other->post([g] { (void)g.wait(); });
    other.reset();
    return getpid() == parent ? 0 : -1;
  });
  CHECK(b.call([] { return 5; }) == 5);
}
