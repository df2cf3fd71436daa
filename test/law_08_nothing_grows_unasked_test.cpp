// Law 8: nothing grows without bound unasked. The loop drains a snapshot per turn, so that I/O is
// not starved; the handler-side pool is fixed and says `exhausted`.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("law 8: nothing grows unasked");

using loopbridge::bridge;
using loopbridge::status;

TEST_CASE("a callable that posts itself again for ever does not starve the loop's I/O and timers") {
  bridge b(support::with_each_doorbell());
  std::atomic<bool> enough{false};
  std::function<void()> again = [&] {
    if (!enough) b.post([&] { again(); });
  };
  b.post([&] { again(); });
  const int ticks = b.call_for(support::generous, [](loopbridge::loop_ref loop) {
    loopbridge::completer<int> done;
    auto answer = done.get_deferred();
    struct state {
      uv_timer_t timer;
      int ticks;
      void* done;
    };
    auto* s = new state{{}, 0, done.release()};
    s->timer.data = s;
    uv_timer_init(loop, &s->timer);
    uv_timer_start(
        &s->timer,
        [](uv_timer_t* t) {
          auto* own = static_cast<state*>(t->data);
          if (++own->ticks < 5) return;
          loopbridge::completer<int>::from(own->done).resolve(own->ticks);
          uv_close(reinterpret_cast<uv_handle_t*>(t),
                   [](uv_handle_t* h) { delete static_cast<state*>(h->data); });
        },
        1, 1);
    return answer;
  });
  CHECK(ticks == 5);
  enough = true;
  b.stop();  // runs the last of them
}

TEST_CASE("what is posted during a turn runs in the next one, after the poll") {
  bridge b(support::with_each_doorbell());
  struct turns {
    uv_check_t check;
    int polls = 0;
  } t;
  b.call([&](loopbridge::loop_ref loop) {
    uv_check_init(loop, &t.check);
    t.check.data = &t;
    uv_check_start(&t.check, [](uv_check_t* c) { ++static_cast<turns*>(c->data)->polls; });
  });
  int first = 0;
  int second = 0;
  b.call([&] {
    first = t.polls;
    b.post([&] { second = t.polls; });
  });
  support::catch_up(b);
  CHECK(second == first + 1);
  b.call([&] { uv_close(reinterpret_cast<uv_handle_t*>(&t.check), nullptr); });
  support::catch_up(b);
}

TEST_CASE("the pool for handlers is fixed: when it is full it says so, and recovers") {
  loopbridge::options opts = support::with_each_doorbell();
  opts.reentrant_slots = 64;
  bridge b(opts);
  std::atomic<int> ran{0};
  const auto count = [](std::atomic<int>* n) { ++*n; };
  {
    support::held_loop held(b);
    for (int i = 0; i < 64; ++i) CHECK(b.post_reentrant(count, &ran) == status::accepted);
    for (int i = 0; i < 3; ++i) CHECK(b.post_reentrant(count, &ran) == status::exhausted);
    for (int i = 0; i < 1000; ++i) b.post([] {});  // ordinary calls do not draw on it
  }
  support::catch_up(b);
  CHECK(ran == 64);  // the refused ones ran nothing
  CHECK(b.post_reentrant(count, &ran) == status::accepted);
  support::catch_up(b);
  CHECK(ran == 65);
}
