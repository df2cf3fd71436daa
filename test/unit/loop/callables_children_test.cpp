// What callables start by popen, system, posix_spawn, or fork and exec inherits the mask of the
// loop's thread: it must be one with which programs can live. And yet that thread must not take
// the signals that the program handles, or fetches.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <loopbridge/loopbridge.hpp>
#include <string>

#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("children of callables");

using loopbridge::bridge;
using loopbridge::loop_ref;
using support::generous;

namespace {

/// Those by which programs are ended, time themselves out, and learn of their children.
constexpr std::array opened{SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGCHLD};

/// Blocked signals: bit n - 1 for number n.
using mask = std::uint64_t;
constexpr mask bit(int number) {
  return mask{1} << (number - 1);
}
constexpr mask all_opened =
    bit(SIGHUP) | bit(SIGINT) | bit(SIGQUIT) | bit(SIGALRM) | bit(SIGTERM) | bit(SIGCHLD);

/// Is it pending, and left to sigwait? Fetches it.
bool is_to_be_fetched(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  const timespec no_time{};
  return sigtimedwait(&only, nullptr, &no_time) == number;
}

mask read_mask(std::FILE* from) {
  unsigned long long found = ~0ull;
  char line[200];
  while (from != nullptr && std::fgets(line, sizeof(line), from) != nullptr) {
    if (std::sscanf(line, "SigBlk: %llx", &found) == 1) break;
  }
  return found;
}

mask of_thread(pid_t id) {
  const std::string name = "/proc/self/task/" + std::to_string(id) + "/status";
  std::FILE* const file = std::fopen(name.c_str(), "r");
  const mask found = read_mask(file);
  if (file != nullptr) std::fclose(file);
  return found;
}
mask of_this_thread() {
  return of_thread(gettid());
}

/// exec, for dash clears the mask of what it forks.
mask of_child_by_popen() {
  std::FILE* const from = popen("exec cat /proc/self/status", "r");
  const mask found = read_mask(from);
  pclose(from);
  return found;
}
bool dash_waits_for_its_child() {
  return std::system("true & wait") == 0;  // with SIGCHLD blocked it waits for ever
}

std::array<char*, 3> sleep_for_long() {
  static char program[] = "sleep", time[] = "1000";
  return {program, time, nullptr};
}
pid_t by_posix_spawn() {
  pid_t child = -1;
  const int error =
      posix_spawnp(&child, "sleep", nullptr, nullptr, sleep_for_long().data(), environ);
  return error == 0 ? child : -1;
}
pid_t by_fork_and_exec() {
  const pid_t child = fork();
  if (child == 0) {
    execvp("sleep", sleep_for_long().data());
    _exit(127);
  }
  return child;
}

/// Does the signal end that child? (It is killed if it does not.)
bool is_ended_by(int number, pid_t child) {
  kill(child, number);
  int how = 0;
  const bool ended = support::comes_true([&] { return waitpid(child, &how, WNOHANG) == child; });
  if (!ended) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  return ended && WIFSIGNALED(how) && WTERMSIG(how) == number;
}

void change_mask(int how, int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(how, &only, nullptr);
}

volatile std::sig_atomic_t came = 0;

/// doctest has handlers for some of them. In a child of the test only.
void have_no_handlers() {
  for (const int number : opened) signal(number, SIG_DFL);
  for (const int number : opened) change_mask(SIG_UNBLOCK, number);
}

/// The next callable finds what changed in the meantime.
void let_the_clock_move(bridge& b) {
  const auto now = [](loop_ref loop) { return uv_now(loop); };
  const std::uint64_t before = b.call(now);
  REQUIRE(support::comes_true([&] { return b.call(now) > before + 10; }));
}

/// The mask of the loop's thread once it sleeps.
mask asleep(bridge& b) {
  const pid_t id = b.call([] { return gettid(); });
  support::until_asleep(b);
  mask found = 0;
  (void)support::comes_true([&] { return ((found = of_thread(id)) & all_opened) == all_opened; });
  return found;
}

}  // namespace

TEST_CASE("children of callables can be ended, however they are started" *
          doctest::skip(!support::children_may_start_threads)) {
  CHECK(support::in_child([] {
          have_no_handlers();
          bridge b;
          if ((b.call(of_child_by_popen) & all_opened) != 0) return 1;
          if ((b.submit(of_child_by_popen).get_for(generous) & all_opened) != 0) return 2;
          if (!b.call(dash_waits_for_its_child)) return 3;
          for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM}) {
            if (!is_ended_by(number, b.call(by_posix_spawn))) return 10 + number;
            if (!is_ended_by(number, b.call(by_fork_and_exec))) return 30 + number;
          }
          const auto turns_a_loop_first = [](loop_ref loop) {
            uv_run(loop, UV_RUN_NOWAIT);
            return of_this_thread();
          };
          return (b.call(turns_a_loop_first) & all_opened) == 0 ? 0 : 4;
        }) == 0);
}

TEST_CASE("while it sleeps the loop's thread blocks them all" *
          doctest::skip(!support::children_may_start_threads)) {
  CHECK(support::in_child([] {
          have_no_handlers();
          bridge b;
          if ((b.call(of_this_thread) & all_opened) != 0) return 1;
          return (asleep(b) & all_opened) == all_opened ? 0 : 2;
        }) == 0);
}

TEST_CASE(
    "what is fetched by sigwait is left to that, if it was blocked before the bridge was made") {
  for (const int number : opened) {
    CAPTURE(number);
    CHECK(support::in_child([&] {
            have_no_handlers();
            change_mask(SIG_BLOCK, number);
            bridge b;
            {
              const support::held_loop running(b);
              kill(getpid(), number);
            }
            if ((b.call(of_this_thread) & bit(number)) == 0) return 1;
            return is_to_be_fetched(number) ? 0 : 2;
          }) == 0);
  }
}

TEST_CASE("while the loop sleeps, so is what was blocked later" *
          doctest::skip(!support::children_may_start_threads)) {
  for (const int number : opened) {
    CAPTURE(number);
    CHECK(support::in_child([&] {
            have_no_handlers();
            bridge b;
            if ((asleep(b) & bit(number)) == 0) return 1;
            change_mask(SIG_BLOCK, number);
            kill(getpid(), number);
            return is_to_be_fetched(number) ? 0 : 2;
          }) == 0);
  }
}

TEST_CASE("a handler of the program's is never called on the loop's thread, whenever it was set" *
          doctest::skip(!support::children_may_start_threads)) {
  for (const bool set_before : {true, false}) {
    for (const int number : opened) {
      CAPTURE(set_before);
      CAPTURE(number);
      CHECK(support::in_child([&] {
              have_no_handlers();
              came = 0;
              const auto set = [&] { signal(number, [](int) { came = 1; }); };
              if (set_before) set();
              bridge b;
              if (!set_before) {
                if ((b.call(of_this_thread) & bit(number)) != 0) return 1;
                set();
                let_the_clock_move(b);
              }
              change_mask(SIG_BLOCK, number);  // in a critical section, say
              b.call([&] { kill(getpid(), number); });
              if (came != 0) return 2;
              change_mask(SIG_UNBLOCK, number);
              if (came != 1) return 3;
              signal(number, SIG_DFL);  // and when it is gone, children can be ended again
              let_the_clock_move(b);
              return (b.call(of_this_thread) & bit(number)) == 0 ? 0 : 4;
            }) == 0);
    }
  }
}

TEST_CASE("a program that chooses the loop's signals chooses those of its children" *
          doctest::skip(!support::children_may_start_threads)) {
  CHECK(support::in_child([] {
          have_no_handlers();
          loopbridge::options opts;
          sigemptyset(&opts.blocked_signals.emplace());
          sigaddset(&*opts.blocked_signals, SIGTERM);
          bridge b(opts);
          return b.call(of_child_by_popen) == bit(SIGTERM) ? 0 : 1;
        }) == 0);
}

TEST_CASE("an attribute of posix_spawn's gives a child any mask") {
  bridge b;
  std::array<char*, 4> command{};
  char sh[] = "sh", option[] = "-c";
  char script[] = "case $(exec grep SigBlk /proc/self/status) in *[1-9a-f]*) exit 1;; esac";
  command = {sh, option, script, nullptr};
  const int how = b.call([&] {
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = -1;
    const int error = posix_spawnp(&child, "sh", nullptr, &attributes, command.data(), environ);
    posix_spawnattr_destroy(&attributes);
    int status = -1;
    if (error == 0) waitpid(child, &status, 0);
    return status;
  });
  CHECK(how == 0);
}
