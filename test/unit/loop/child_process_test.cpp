// Children of uv_spawn's on a bridge's loop, while SIGCHLD is blocked here or there. libuv learns
// of their ends in a handler for it, of which a process has one: see
// child_process_handlers_test.cpp.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <deque>
#include <loopbridge/loopbridge.hpp>

#include "support/child.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("child processes");

using loopbridge::bridge;
using loopbridge::options;
using support::block_in_this_thread;
using support::catch_up;
using support::child;
using support::only_sigchld;
using support::sigchld_as_it_was;
using support::until_default;

TEST_CASE("a child's exit is reported while all threads of the program block SIGCHLD") {
  const sigchld_as_it_was restored;
  block_in_this_thread();
  child c(7);
  bridge b;
  c.start(b);
  c.end();
  CHECK(c.reported() == 7);
}

TEST_CASE("so it is when SIGCHLD is blocked while the child runs, and for one after the other") {
  const sigchld_as_it_was restored;
  std::deque<child> children;
  bridge b;
  for (int code = 3; code < 6; ++code) {
    child& c = children.emplace_back(code);
    c.start(b);
    block_in_this_thread();
    c.end();
    CHECK(c.reported() == code);
    until_default();  // the last one is closed
  }
}

TEST_CASE("the exits of many children of two bridges are all reported, SIGCHLD being blocked") {
  const sigchld_as_it_was restored;
  block_in_this_thread();
  std::deque<child> children;
  std::array<bridge, 2> bridges;
  for (int n = 0; n < 12; ++n) children.emplace_back(n).start(bridges[n % 2]);
  for (child& c : children) c.end();
  for (int n = 0; n < 12; ++n) CHECK(children[n].reported() == n);
}

TEST_CASE("a child starts with no signal blocked, and is told from one that was killed") {
  child c(0);
  bridge b;
  c.start(b);
  c.signal(b, SIGTERM);
  CHECK(c.reported() == 300 + SIGTERM);
}

TEST_CASE("a bridge leaves SIGCHLD to a program that blocks it everywhere and fetches it") {
  const sigchld_as_it_was restored;
  block_in_this_thread();
  const sigset_t set = only_sigchld();
  child c(0);
  bridge b;
  const auto fetches_its_own = [&] {
    const pid_t own = fork();
    if (own == 0) _exit(9);
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(own), &info, WEXITED | WNOWAIT) != 0) return false;
    catch_up(b);  // the loop's thread has run since: had it taken the signal, it were gone
    const timespec no_time{};
    const bool fetched = sigtimedwait(&set, nullptr, &no_time) == SIGCHLD;
    return waitpid(own, nullptr, 0) == own && fetched;
  };
  CHECK(fetches_its_own());
  c.start(b);
  c.end();
  CHECK(c.reported() == 0);
  until_default();
  catch_up(b);  // and turns once more, in which it blocks the signal again
  catch_up(b);
  CHECK(fetches_its_own());
}

TEST_CASE("a program that chooses the loop's signals answers for SIGCHLD") {
  const sigchld_as_it_was restored;
  block_in_this_thread();
  child c(4);
  options opts;
  sigfillset(&opts.blocked_signals.emplace());
  bridge b(opts);
  c.start(b);
  c.end();
  REQUIRE(c.has_ended());
  CHECK_FALSE(c.is_reported(b));
  const sigset_t set = only_sigchld();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // on any thread
  CHECK(c.reported() == 4);
}
