// Negative controls: what may not be done in a handler, done on purpose. The harness must see it
// hang. (Those of the wake policies are in law 4, that of uv_async_send in law 3, that of the pool
// in pool_test.cpp.)
//
// What hangs here hangs for good, so each boundary is visited by a child of its own, which an alarm
// ends.
#include <doctest/doctest.h>
#include <sys/time.h>

#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "stepping/support/sweep.hpp"
#include "support/gate.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("stepping: negative controls");

using namespace stepping;

namespace {

constexpr int ended_by_alarm = 300 + SIGALRM;  // see in_child
constexpr unsigned hangs_to_see = 5;

/// Steps `submit`, with itself as the handler, until it has hung five times.
template <class Submit>
report sweep(Submit&& submit, bool with_threads) {
  report r;
  submit();  // first uses
  const path way = path_of(submit);
  for_each_boundary(
      r, way, {.all_up_to = 10000},
      [&](const boundary& at) {
        const int got = support::in_child([&] {
          constexpr itimerval soon{{}, {0, 400000}};
          setitimer(ITIMER_REAL, &soon, nullptr);
          // malloc takes its lock only where there are threads.
          const support::gate never;
          if (with_threads) std::thread([never]() noexcept { (void)never.wait(); }).detach();
          return interrupt_at(at, submit, submit) ? 1 : 0;
        });
        if (got == ended_by_alarm) ++r.hung;
        if (got == 1 || got == ended_by_alarm) ++r.points;
        return got != 0;
      },
      [&] { return r.hung == hangs_to_see; });
  return r;
}

}  // namespace

TEST_CASE("a queue behind a mutex hangs when a handler submits while it is locked" *
          doctest::skip(!available)) {
  std::mutex mutex;
  std::deque<int> queue;
  const report r = sweep(
      [&] {
        const std::lock_guard lock(mutex);
        queue.push_back(1);
      },
      false);
  print("control: mutex and deque", r);
  CHECK(r.hung == hangs_to_see);
  CHECK(r.points > hangs_to_see);  // before it is locked, and after, all is well
}

TEST_CASE("a submit that allocates hangs when a handler submits inside malloc" *
          doctest::skip(!available)) {
  struct node {
    node* next;
    char closure[3000];  // more than malloc keeps without a lock, for each thread
  };
  node* list = nullptr;
  const report r = sweep(
      [&] {
        auto* const n = new node;  // NOLINT: the list's
        n->next = list;
        list = n;
      },
      true);
  while (list != nullptr) delete std::exchange(list, list->next);
  print("control: submit that allocates", r);
  CHECK(r.hung == hangs_to_see);
  CHECK(r.points > hangs_to_see);
}
