// The queue, used by handlers, and in a forked child. That handlers may interrupt it at every
// instruction is shown by stepping/queue_test.cpp.
#include <doctest/doctest.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>

#include "support/in_child.hpp"
#include "support/patience.hpp"
#include "support/queue_access.hpp"

TEST_SUITE_BEGIN("reentrant_queue_handlers");

using namespace std::chrono_literals;
using loopbridge::queue_closed;
using loopbridge::reentrant_queue;
using loopbridge::status;

TEST_CASE("slots for handlers are a fixed number, and come back when their items are got") {
  reentrant_queue<int> q(1);  // rounded up
  for (int n = 0; n < 64; ++n) CHECK(q.put_reentrant(n) == status::accepted);
  CHECK(q.put_reentrant(64) == status::exhausted);
  q.put(64);  // needs none
  for (int n = 0; n < 64; ++n) {
    CHECK(q.get() == n);
    CHECK(q.put_reentrant(n + 65) == status::accepted);
    CHECK(q.put_reentrant(0) == status::exhausted);
  }
  for (int n = 64; n < 129; ++n) CHECK(q.get() == n);
  reentrant_queue<int> none(0);
  CHECK(none.put_reentrant(1) == status::exhausted);
  none.close();
  CHECK(none.put_reentrant(1) == status::queue_closed);
}

namespace {
reentrant_queue<int>* handlers_queue = nullptr;
}

TEST_CASE("a handler puts and closes; errno is kept") {
  reentrant_queue<int> q;
  handlers_queue = &q;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int signal) {
    if (signal == SIGUSR1) {
      (void)handlers_queue->put_reentrant(1);
    } else {
      handlers_queue->close();
    }
  };
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  REQUIRE(sigaction(SIGUSR2, &action, nullptr) == 0);
  std::atomic<int> got{0};
  {
    const std::jthread getter([&]() noexcept {
      try {
        for (;;) got += q.get();
      } catch (const queue_closed&) {
      }
    });
    errno = ENOTTY;
    for (int n = 0; n < 3; ++n) {
      support::until_getter_sleeps(q);
      raise(SIGUSR1);
    }
    raise(SIGUSR2);
    CHECK(errno == ENOTTY);
  }
  CHECK(got == 3);
  sigaction(SIGUSR1, &before, nullptr);
  sigaction(SIGUSR2, &before, nullptr);
}

TEST_CASE("in a forked child everything refuses, and the parent's items are left alone" *
          doctest::skip(support::has_tsan)) {
  std::optional<reentrant_queue<int>> q(std::in_place);
  q->put(1);
  CHECK(q->put_reentrant(2) == status::accepted);
  CHECK(support::in_child([&] {
          if (q->put_reentrant(3) != status::wrong_process) return 1;
          if (q->try_put(3) != status::wrong_process) return 2;
          q->close();
          if (q->closed()) return 3;
          int refused = 0;
          for (const auto how : {0, 1, 2, 3}) {
            try {
              if (how == 0) q->put(3);
              if (how == 1) (void)q->get();
              if (how == 2) (void)q->get_for(1h);
              if (how == 3) (void)q->try_get();
            } catch (const loopbridge::wrong_process&) {
              ++refused;
            }
          }
          q.reset();
          return refused == 4 ? 0 : 4;
        }) == 0);
  CHECK(q->get() == 1);
  CHECK(q->get() == 2);
}

TEST_CASE("a handler that forks in a getter's sleep: in the child the getter is refused" *
          doctest::skip(support::has_tsan)) {
  static int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  static pid_t child;
  child = -1;
  CHECK(support::in_child([&] {
          reentrant_queue<int> q;
          struct sigaction action{};
          action.sa_handler = [](int) { child = fork(); };
          action.sa_flags = SA_RESTART;
          sigaction(SIGUSR1, &action, nullptr);
          const pthread_t self = pthread_self();
          char in_child = '?';
          std::jthread putter([&]() noexcept {
            if (!support::comes_true([&] { return support::has_sleeper(q); })) return;
            pthread_kill(self, SIGUSR1);
            (void)!read(pipe_ends[0], &in_child, 1);
            q.put(7);
          });
          char how = 'g';
          try {
            if (q.get() != 7) how = 'x';
          } catch (const loopbridge::wrong_process&) {
            how = 'w';
          }
          if (child == 0) {
            (void)!write(pipe_ends[1], &how, 1);
            raise(SIGKILL);  // not exit: see in_child
          }
          (void)support::exit_code_of(child);
          return how == 'g' && in_child == 'w' ? 0 : 1;
        }) == 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}
