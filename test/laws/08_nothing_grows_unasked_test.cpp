// Law 8: nothing grows without bound unasked. The loop runs what is queued for a while and then
// looks after I/O; the handler-side pool is fixed and says `exhausted`.
#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <utility>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("law 8: nothing grows unasked");

using loopbridge::bridge;
using loopbridge::status;

namespace {

/// How often the loop has looked after I/O; the loop's.
struct poll_counter {
  uv_check_t check{};
  int count = 0;

  void start(loopbridge::loop_ref loop) {
    uv_check_init(loop, &check);
    check.data = this;
    uv_check_start(&check, [](uv_check_t* c) { ++static_cast<poll_counter*>(c->data)->count; });
  }
  void close() { uv_close(reinterpret_cast<uv_handle_t*>(&check), nullptr); }
};

}  // namespace

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

TEST_CASE("calls that are queued together do not keep the loop from I/O until the last has run") {
  bridge b(support::with_each_doorbell());
  poll_counter polls;
  b.call([&](loopbridge::loop_ref loop) { polls.start(loop); });
  int first = 0;
  int last = 0;
  {
    const support::held_loop held(b);
    b.post([&] { first = polls.count; });
    for (int i = 0; i < 100; ++i) {
      b.post([] {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
        while (std::chrono::steady_clock::now() < until) {
        }
      });
    }
    b.post([&] { last = polls.count; });
  }
  support::catch_up(b);
  CHECK(last - first >= 5);
  b.call([&] { polls.close(); });
  support::catch_up(b);
}

TEST_CASE(
    "of calls that take long, two at most run between two looks at I/O, also while it spins") {
  for (const auto spin : {loopbridge::spinning::off, loopbridge::spinning::adaptive}) {
    loopbridge::options opts;
    opts.spin = spin;
    loopbridge::bridge b(opts);
    // The loop's: a look at I/O is what its check phase comes after.
    struct {
      uv_check_t check{};
      int calls = 0;
      int most = 0;
    } seen;
    b.call([&](loopbridge::loop_ref loop) {
      uv_check_init(loop, &seen.check);
      seen.check.data = &seen;
      uv_check_start(&seen.check, [](uv_check_t* c) {
        auto& s = *static_cast<decltype(seen)*>(c->data);
        s.most = std::max(s.most, std::exchange(s.calls, 0));
      });
    });
    for (int i = 0; i < 50; ++i) b.call([] {});  // spinning pays
    for (int i = 0; i < 10; ++i) {
      b.post([&] {
        ++seen.calls;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      });
    }
    b.call([] {});
    b.call([&] { uv_close(reinterpret_cast<uv_handle_t*>(&seen.check), nullptr); });
    CHECK(seen.most <= 2);
    CHECK(seen.most > 0);
  }
}

TEST_CASE("what is posted during a turn runs in the next one, after the poll") {
  bridge b(support::with_each_doorbell());
  poll_counter polls;
  b.call([&](loopbridge::loop_ref loop) { polls.start(loop); });
  int first = 0;
  int second = 0;
  b.call([&] {
    first = polls.count;
    b.post([&] { second = polls.count; });
  });
  support::catch_up(b);
  CHECK(second == first + 1);
  b.call([&] { polls.close(); });
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
