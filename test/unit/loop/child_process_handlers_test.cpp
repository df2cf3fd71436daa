// Children of uv_spawn's on a bridge's loop, in a program that handles SIGCHLD itself, ignores it,
// or waits for children.
#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>

#include "support/child.hpp"
#include "support/held_loop.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("child processes and handlers");

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::options;
using support::block_in_this_thread;
using support::child;
using support::is_default;
using support::sigchld_as_it_was;
using support::until_default;

namespace {

/// Gives what was there before. All signals are blocked while the handler runs, as libuv's wants
/// it.
struct sigaction handle_by(void (*handler)(int)) {
  struct sigaction mine{};
  struct sigaction before{};
  mine.sa_handler = handler;
  mine.sa_flags = SA_RESTART;
  sigfillset(&mine.sa_mask);
  sigaction(SIGCHLD, &mine, &before);
  return before;
}

std::atomic<int> handled{0};
void count(int) {
  ++handled;
}

std::atomic<void (*)(int)> replaced{nullptr};
void count_and_pass_on(int number) {
  ++handled;
  replaced.load()(number);
}

/// For bridges that stop with a child whose end nobody has reported.
options quiet() {
  options opts;
  opts.on_open_handle = [](const loopbridge::open_handle&) {};
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  return opts;
}

}  // namespace

TEST_CASE("a handler from before the first child is replaced by libuv's: exits are reported") {
  const sigchld_as_it_was restored;
  handled = 0;
  handle_by(count);
  child c(5);
  bridge b;
  c.start(b);
  c.end();
  CHECK(c.reported() == 5);
  CHECK(handled == 0);
  until_default();  // libuv does not put it back, either
}

TEST_CASE("a handler set while a child runs takes libuv's place: nothing is reported") {
  const sigchld_as_it_was restored;
  handled = 0;
  child c(5);
  bridge b(quiet());
  c.start(b);
  const struct sigaction libuvs = handle_by(count);
  c.end();
  REQUIRE(c.has_ended());
  REQUIRE(support::comes_true([] { return handled == 1; }));
  CHECK_FALSE(c.is_reported(b));
  SUBCASE("until libuv's is back and called") {
    sigaction(SIGCHLD, &libuvs, nullptr);
    kill(getpid(), SIGCHLD);
    CHECK(c.reported() == 5);
  }
  SUBCASE("and when the last child is closed, it is taken away too") {
    b.stop();
    CHECK(is_default());
    CHECK(waitpid(-1, nullptr, 0) > 0);
  }
}

TEST_CASE("a handler set while a child runs that calls the one it replaces keeps both going") {
  const sigchld_as_it_was restored;
  handled = 0;
  child c(5);
  bridge b;
  c.start(b);
  replaced = handle_by(count_and_pass_on).sa_handler;
  c.end();
  CHECK(c.reported() == 5);
  CHECK(handled == 1);
}

TEST_CASE("a uv_signal_t hears of SIGCHLD beside uv_spawn, whatever comes first") {
  const sigchld_as_it_was restored;
  block_in_this_thread();
  uv_signal_t watcher;
  std::atomic<int> heard{0};
  watcher.data = &heard;
  child c(6);
  bridge b;
  const bool watcher_first = [] {
    bool first = true;
    SUBCASE("the watcher") {}
    SUBCASE("the child") {
      first = false;
    }
    return first;
  }();
  if (!watcher_first) c.start(b);
  b.call([&](loop_ref loop) {
    uv_signal_init(loop, &watcher);
    const auto hear = [](uv_signal_t* w, int) { ++*static_cast<std::atomic<int>*>(w->data); };
    uv_signal_start(&watcher, hear, SIGCHLD);
  });
  if (watcher_first) c.start(b);
  c.end();
  CHECK(c.reported() == 6);
  CHECK(support::comes_true([&] { return heard == 1; }));
  b.call([&] { uv_close(reinterpret_cast<uv_handle_t*>(&watcher), nullptr); });
}

TEST_CASE("SIGCHLD that was ignored before the first child is libuv's: exits are reported") {
  const sigchld_as_it_was restored;
  signal(SIGCHLD, SIG_IGN);
  child c(8);
  bridge b;
  c.start(b);
  c.end();
  CHECK(c.reported() == 8);
}

TEST_CASE("SIGCHLD ignored while a child runs: the kernel reaps it, and its exit is lost") {
  const sigchld_as_it_was restored;
  child c(8);
  bridge b(quiet());
  c.start(b);
  struct sigaction libuvs{};
  sigaction(SIGCHLD, nullptr, &libuvs);
  signal(SIGCHLD, SIG_IGN);
  c.end();
  CHECK_FALSE(c.has_ended());  // returns when it is gone: nobody can ask any more
  sigaction(SIGCHLD, &libuvs, nullptr);
  kill(getpid(), SIGCHLD);
  CHECK_FALSE(c.is_reported(b));
}

TEST_CASE("a program that waits for any child takes the exits of libuv's away") {
  const sigchld_as_it_was restored;
  const support::watchdog dog;
  child c(8);
  bridge b(quiet());
  c.start(b);
  {
    const support::held_loop held(b);
    c.end();
    int status = 0;
    pid_t taken = -1;
    do taken = waitpid(-1, &status, 0);
    while (taken == -1 && errno == EINTR);
    CHECK(WEXITSTATUS(status) == 8);
  }
  CHECK_FALSE(c.is_reported(b));
}
