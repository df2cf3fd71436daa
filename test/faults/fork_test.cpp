// A fork while the bridge is at work: the child refuses and starts afresh, the parent is unharmed.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cstdlib>
#include <loopbridge/detail/sync/process_mark.hpp>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "faults/support/failing_calls.hpp"
#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("faults: fork" * doctest::skip(support::has_tsan));

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::status;
using support::in_child;

namespace {

/// What both processes see.
template <class T>
class shared {
 public:
  shared()
      : value_(::new(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) T{}) {}
  ~shared() { munmap(value_, sizeof(T)); }
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

/// 0: the parent's bridge refuses here, and another one works.
int lives_here(bridge& parents, const options& opts) {
  if (parents.try_post([] {}) != status::wrong_process) return 1;
  try {
    parents.call([] {});
    return 2;
  } catch (const loopbridge::wrong_process&) {
  }
  bridge own(opts);
  if (own.call_for(support::generous, [] { return 7; }) != 7) return 3;
  parents = bridge(opts);  // restarts
  return parents.call_for(support::generous, [] { return 8; }) == 8 ? 0 : 4;
}

}  // namespace

TEST_CASE("a fork while another thread makes the process's first bridge leaves nothing locked") {
  // The first test, because a process is marked once.
  CHECK(in_child([] {
          static support::gate reached, go_on;
          static std::atomic<bool> hold{true};
          support::calls::before_mmap = [] {  // the mark's page; thread stacks do not come this way
            if (!hold.exchange(false)) return;
            reached.open();
            (void)go_on.wait();
          };
          std::thread maker([]() noexcept { const loopbridge::detail::process_mark mark; });
          if (!reached.wait()) return 1;
          support::calls::before_mmap = nullptr;
          const pid_t child = fork();
          if (child == 0) {
            alarm(5);
            const loopbridge::detail::process_mark mark;
            _exit(mark.is_this_process() ? 0 : 1);
          }
          const int ended = support::exit_code_of(child);
          const loopbridge::detail::process_mark own;  // the two make one page of it
          go_on.open();
          maker.join();
          const loopbridge::detail::process_mark later;
          return ended != 0 ? ended : own.is_this_process() && later.is_this_process() ? 0 : 2;
        }) == 0);
}

// (gcc 12's AddressSanitizer does not unlock its allocator in the child.)
TEST_CASE("forks while other threads call leave children that work, and lose no call" *
          doctest::skip(support::has_asan || support::has_tsan)) {
  const options opts = support::with_each_doorbell();
  bridge b(opts);
  std::atomic<bool> over{false};
  std::atomic<long> asked{0};
  std::atomic<long> answered{0};
  std::atomic<long> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&]() noexcept {
      while (!over) {
        ++asked;
        b.post([&ran] { ++ran; });
        if (b.call([] { return 5; }) == 5) ++answered;
        if (b.submit([] { return 6; }).get() == 6) ++answered;
      }
    });
  }
  for (int i = 0; i < 25; ++i) CHECK(in_child([&] { return lives_here(b, opts); }) == 0);
  over = true;
  for (std::thread& t : threads) t.join();
  b.stop();
  CHECK(answered == 2 * asked);
  CHECK(ran == asked);
}

TEST_CASE("a fork without libc's knowledge is seen as well") {
  bridge b(support::with_each_doorbell());
  support::catch_up(b);
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);  // no pthread_atfork handlers
  if (child == 0) {
    int failed = 0;
    if (b.try_post([] {}) != status::wrong_process) failed = 1;
    if (b.post_reentrant([] {}) != status::wrong_process) failed = 2;
    try {
      (void)b.submit([] {});
      failed = 3;
    } catch (const loopbridge::wrong_process&) {
    }
    _exit(failed);
  }
  CHECK(support::exit_code_of(static_cast<pid_t>(child)) == 0);
  CHECK(b.call_for(support::generous, [] { return 1; }) == 1);
}

TEST_CASE("child, grandchild and parent each have bridges of their own, and refuse each other's") {
  const options opts = support::with_each_doorbell();
  bridge b(opts);
  CHECK(in_child([&] {
          bridge childs(opts);
          const int below = in_child([&] {
            if (childs.try_post([] {}) != status::wrong_process) return 20;
            return lives_here(b, opts);
          });
          if (below != 0) return 100 + below;
          if (childs.call_for(support::generous, [] { return 1; }) != 1) return 30;
          return lives_here(b, opts);
        }) == 0);
  CHECK(b.call_for(support::generous, [] { return 1; }) == 1);
}

TEST_CASE("a child that was forked in a call ends where it comes back to the parent's loop") {
  const shared<std::atomic<int>> ran;
  bridge b(support::with_each_doorbell());
  pid_t child = -1;
  {
    support::held_loop held(b);
    b.post([&] {
      child = fork();
      if (child == 0) {
        for (const int end : {SIGABRT, SIGALRM}) signal(end, SIG_DFL);
        alarm(20);
      }
    });
    for (int i = 0; i < 10; ++i) b.post([&ran] { ++*ran; });  // queued behind: the parent's
    held.release();
    support::catch_up(b);
  }
  CHECK(support::exit_code_of(child) == 300 + SIGABRT);
  support::catch_up(b);
  CHECK(*ran == 10);
}

TEST_CASE("an adopted loop may run on in a child, without its parent's bridge") {
  const shared<std::atomic<int>> ran;
  const shared<std::atomic<bool>> over;
  const options opts = support::with_each_doorbell();
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop, opts);
  app.keep_alive();
  pid_t child = -1;
  b.post([&] { child = fork(); });
  for (int i = 0; i < 10; ++i) b.post([&ran] { ++*ran; });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  if (child == 0) {
    alarm(20);
    int failed = uv_loop_fork(&app.loop) == 0 ? 0 : 1;
    int ticks = 0;
    uv_timer_t timer;
    uv_timer_init(&app.loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, [](uv_timer_t* t) { ++*static_cast<int*>(t->data); }, 0, 1);
    while (!*over || ticks == 0)
      uv_run(&app.loop, UV_RUN_ONCE);  // beside the parent's, which is being rung
    if (b.try_post([] {}) != status::wrong_process) failed = 2;
    _exit(failed);
  }
  std::atomic<int> answered{0};
  std::thread caller([&]() noexcept {
    for (int i = 0; i < 300; ++i) {
      const auto answer = b.submit([] { return 1; });
      if (answer.wait_for(support::generous)) ++answered;
    }
    b.post([&app] { app.let_go(); });
  });
  uv_run(&app.loop, UV_RUN_DEFAULT);
  caller.join();
  *over = true;
  CHECK(support::exit_code_of(child) == 0);
  CHECK(answered == 300);
  CHECK(*ran == 10);
}

TEST_CASE("a child that runs an adopted loop on leaves the parent's doorbell rung") {
  support::app_loop app;
  bridge b = bridge::adopt(&app.loop, support::with_each_doorbell());
  app.keep_alive();
  do uv_run(&app.loop, UV_RUN_NOWAIT);  // libuv registers descriptors when it first polls
  while (app.is_rung());
  bool ran = false;
  b.post([&ran] { ran = true; });
  CHECK(in_child([&] {
          if (uv_loop_fork(&app.loop) != 0) return 1;
          for (int turn = 0; turn < 3; ++turn) uv_run(&app.loop, UV_RUN_NOWAIT);
          return ran ? 2 : 0;
        }) == 0);
  CHECK(app.is_rung());
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(ran);
  app.let_go();
}

// (The leak check at exit misses the stacks of the threads that the child does not have.)
TEST_CASE("a child that exits destroys its copies of the parent's static bridges, and ends" *
          doctest::skip(support::has_asan || support::has_tsan)) {
  CHECK(in_child([] {
          static bridge b;
          static loopbridge::reentrant_call prepaid(b, [] {});
          static auto kept = b.submit([] { return 1; });
          support::catch_up(b);
          const pid_t child = fork();
          if (child == 0) {
            alarm(10);
            std::exit(0);
          }
          const int ended = support::exit_code_of(child);
          return ended != 0 ? ended : b.call([] { return 0; });
        }) == 0);
}
