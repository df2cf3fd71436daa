// Children of uv_spawn's on a bridge's loop. libuv learns of their ends in a handler for SIGCHLD,
// of which a process has one: so it matters what the program does with that signal, and when.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <deque>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/held_loop.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("child processes");

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::eventual;
using loopbridge::loop_ref;
using loopbridge::options;
using support::catch_up;
using support::generous;
using namespace std::chrono_literals;

namespace {

/// A child that ends when it is told to. It must outlive its bridge: libuv has its handle.
class child {
 public:
  explicit child(int code) : code_(std::to_string(code)) {
    REQUIRE(pipe2(stdin_.data(), O_CLOEXEC) == 0);
  }
  ~child() {
    end();
    close(stdin_[0]);
    if (process_.data != nullptr) (void)completer<int>::from(process_.data);  // never reported
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  void start(bridge& b) {
    exit_ = b.submit([this](loop_ref loop) { return spawn(loop); });
    catch_up(b);
    REQUIRE(!exit_->error());
  }
  void end() {
    if (stdin_[1] >= 0) close(stdin_[1]);
    stdin_[1] = -1;
  }
  void signal(bridge& b, int number) {
    REQUIRE(b.call([&] { return uv_process_kill(&process_, number); }) == 0);
  }
  /// Its exit code, or 300 + the signal that ended it, as libuv has reported it.
  int reported() { return exit_->get_for(generous); }
  bool is_reported(bridge& b) {
    for (int turn = 0; turn < 3; ++turn) catch_up(b);
    return exit_->ready();
  }
  /// Waits until it has ended, and leaves it to be reaped. False: it was reaped already.
  bool has_ended() const {
    siginfo_t info{};
    int status = 0;
    do status = waitid(P_PID, static_cast<id_t>(process_.pid), &info, WEXITED | WNOWAIT);
    while (status == -1 && errno == EINTR);
    return status == 0;
  }

 private:
  deferred<int> spawn(loop_ref loop) {
    std::array<char*, 4> args{shell_.data(), option_.data(), script_.data(), nullptr};
    std::array<uv_stdio_container_t, 1> stdio{};
    stdio[0].flags = UV_INHERIT_FD;
    stdio[0].data.fd = stdin_[0];
    uv_process_options_t how{};
    how.file = shell_.c_str();
    how.args = args.data();
    how.stdio = stdio.data();
    how.stdio_count = 1;
    how.exit_cb = [](uv_process_t* p, std::int64_t code, int signal) {
      completer<int>::from(std::exchange(p->data, nullptr))
          .resolve(signal != 0 ? 300 + signal : static_cast<int>(code));
      uv_close(reinterpret_cast<uv_handle_t*>(p), nullptr);
    };
    completer<int> done;
    auto answer = done.get_deferred();
    if (const int error = uv_spawn(loop, &process_, &how); error != 0) {
      uv_close(reinterpret_cast<uv_handle_t*>(&process_), nullptr);
      throw std::runtime_error(uv_strerror(error));
    }
    process_.data = done.release();
    return answer;
  }

  std::string code_;
  std::string shell_ = "/bin/sh";
  std::string option_ = "-c";
  std::string script_ = "read line; exit " + code_;
  std::array<int, 2> stdin_{};
  uv_process_t process_{};
  std::optional<eventual<int>> exit_;
};

/// What the process does about SIGCHLD, put back at the end.
class sigchld_as_it_was {
 public:
  sigchld_as_it_was() {
    sigaction(SIGCHLD, nullptr, &action_);
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
  }
  ~sigchld_as_it_was() {
    sigaction(SIGCHLD, &action_, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  sigchld_as_it_was(const sigchld_as_it_was&) = delete;
  sigchld_as_it_was& operator=(const sigchld_as_it_was&) = delete;

 private:
  struct sigaction action_{};
  sigset_t mask_{};
};

sigset_t only_sigchld() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

void block_in_this_thread() {
  const sigset_t set = only_sigchld();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

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

bool is_default() {
  struct sigaction now{};
  sigaction(SIGCHLD, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

/// Until the close callback of the last child has run, libuv's handler is there.
void until_default() {
  REQUIRE(support::comes_true([] { return is_default(); }));
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

TEST_CASE("whoever chooses the loop's signals answers for SIGCHLD") {
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
