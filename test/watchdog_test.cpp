// options::watchdog: what lasts too long is reported while it lasts, with the place where it was
// submitted.
#include "support/watchdog.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <condition_variable>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"

TEST_SUITE_BEGIN("watchdog");

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::overdue;
using namespace std::chrono_literals;
using support::generous;

namespace {

struct seen {
  overdue::kind what;
  unsigned line;
  std::chrono::nanoseconds so_far;
  std::thread::id thread;
};

/// Collects reports; copies are the same.
class reports {
 public:
  auto hook() const {
    return [log = log_](const overdue& o) {
      const std::lock_guard lock(log->mutex);
      log->seen.push_back({o.what, o.where.line, o.so_far, std::this_thread::get_id()});
      log->changed.notify_all();
    };
  }
  /// The n-th, once it is there.
  seen wait_for(std::size_t n) const {
    std::unique_lock lock(log_->mutex);
    REQUIRE(log_->changed.wait_for(lock, generous, [&] { return log_->seen.size() >= n; }));
    return log_->seen[n - 1];
  }
  std::size_t size() const {
    const std::lock_guard lock(log_->mutex);
    return log_->seen.size();
  }

 private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<struct seen> seen;
  };
  std::shared_ptr<shared> log_ = std::make_shared<shared>();
};

options watched(const reports& r, std::chrono::nanoseconds callback,
                std::chrono::nanoseconds wait = 0ns) {
  options opts = support::with_each_doorbell();
  opts.watchdog = {.callback = callback, .wait = wait, .on_overdue = r.hook()};
  return opts;
}

}  // namespace

TEST_CASE("a callable that is stuck is reported while it is stuck, once, with its place") {
  const reports r;
  options opts;
  opts.watchdog = {.callback = 50ms, .on_overdue = r.hook()};
  bridge b(opts);
  const support::gate go_on;
  unsigned line = 0;
  SUBCASE("posted") {
    b.post([go_on] { (void)go_on.wait(); });
    line = __LINE__ - 1;
  }
  SUBCASE("submitted") {
    (void)b.submit([go_on] { (void)go_on.wait(); });
    line = __LINE__ - 1;
  }
  SUBCASE("submitted, to be answered later") {
    (void)b.submit([go_on] {
      loopbridge::completer<void> done;
      (void)go_on.wait();
      auto answer = done.get_deferred();
      done.resolve();
      return answer;
    });
    line = __LINE__ - 7;
  }
  const seen s = r.wait_for(1);
  CHECK(s.what == overdue::kind::callback);
  CHECK(s.line == line);
  CHECK(s.so_far >= 50ms);
  CHECK(s.thread != std::this_thread::get_id());
  std::this_thread::sleep_for(120ms);
  CHECK(r.size() == 1);  // still stuck, and said already
  go_on.open();
  b.stop();
}

TEST_CASE("a reentrant_call, and what a handler posted, are watched too") {
  const reports r;
  bridge b(watched(r, 50ms));
  const support::gate go_on;
  loopbridge::reentrant_call fired(b, [go_on] { (void)go_on.wait(); });
  const unsigned line = __LINE__ - 1;
  CHECK(fired.post() == loopbridge::status::accepted);
  CHECK(r.wait_for(1).line == line);
  go_on.open();
  const support::gate again;
  CHECK(b.post_reentrant([](const support::gate* g) { (void)g->wait(); }, &again) ==
        loopbridge::status::accepted);
  CHECK(r.wait_for(2).line == 0);  // no place
  again.open();
  b.stop();
}

TEST_CASE("a callable that runs the loop is watched, and those that it runs") {
  const reports r;
  bridge b(watched(r, 50ms));
  const support::gate inner;
  const support::gate outer;
  b.post([&, inner, outer](loopbridge::loop_ref loop) {
    b.post([inner] { (void)inner.wait(); });
    uv_run(loop, UV_RUN_NOWAIT);
    (void)outer.wait();
  });
  const unsigned line = __LINE__ - 5;
  CHECK(r.wait_for(1).line == line + 1);
  inner.open();
  CHECK(r.wait_for(2).line == line);
  outer.open();
  b.stop();
}

TEST_CASE("a callback of libuv's that is stuck is noticed by the calls that wait behind it") {
  const reports r;
  bridge b(watched(r, 50ms));
  const support::gate inside;
  const support::gate go_on;
  struct stuck {
    uv_timer_t timer;
    support::gate inside;
    support::gate go_on;
  } s{{}, inside, go_on};
  b.call([&](loopbridge::loop_ref loop) {
    uv_timer_init(loop, &s.timer);
    s.timer.data = &s;
    uv_timer_start(
        &s.timer,
        [](uv_timer_t* t) {
          const auto* const own = static_cast<stuck*>(t->data);
          own->inside.open();
          (void)own->go_on.wait();
          uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
        },
        0, 0);
  });
  REQUIRE(inside.wait());
  b.post([] {});
  CHECK(r.wait_for(1).what == overdue::kind::turn);
  go_on.open();
  b.stop();
}

TEST_CASE("a wait is reported by the thread that waits, once, and goes on") {
  const support::watchdog no_hang;
  const reports r;
  bridge b(watched(r, 0ns, 50ms));
  support::held_loop held(b);
  std::thread::id id;
  std::thread waiter([&]() noexcept {
    id = std::this_thread::get_id();
    CHECK(b.call([] { return 7; }) == 7);
  });
  const unsigned line = __LINE__ - 2;
  const seen s = r.wait_for(1);
  CHECK(s.what == overdue::kind::wait);
  CHECK(s.line == line);
  CHECK(s.so_far >= 50ms);
  held.release();
  waiter.join();
  CHECK(s.thread == id);
  CHECK(r.size() == 1);
  CHECK_THROWS_AS(b.call_for(1ms, [] { std::this_thread::sleep_for(5ms); }), loopbridge::timed_out);
  CHECK(r.size() == 1);  // its own deadline was first
}

TEST_CASE("a wait for room is reported, with the place of the call") {
  const support::watchdog no_hang;
  const reports r;
  options opts = watched(r, 0ns, 50ms);
  opts.capacity = 1;
  bridge b(opts);
  support::held_loop held(b);
  b.post([] {});
  std::thread producer([&]() noexcept { b.post([] {}); });
  const unsigned line = __LINE__ - 1;
  CHECK(r.wait_for(1).line == line);
  held.release();
  producer.join();
}

TEST_CASE("what is in time is not reported, and an idle loop is not stuck") {
  const reports r;
  {
    bridge b(watched(r, generous, generous));
    for (int n = 0; n < 1000; ++n) b.call([] {});
  }
  bridge idle(watched(r, 1ms, 1ms));
  std::this_thread::sleep_for(10ms);
  for (const seen& s : {r.size() != 0 ? r.wait_for(1) : seen{}}) {
    CAPTURE(s.so_far.count());
    CHECK(r.size() == 0);
  }
}

TEST_CASE("a hook that throws is survived, and the watchdog goes on") {
  const reports r;
  options opts = support::with_each_doorbell();
  opts.watchdog.callback = 1ms;
  opts.watchdog.on_overdue = [note = r.hook()](const overdue& o) {
    note(o);
    throw std::runtime_error("it must not");
  };
  bridge b(opts);
  for (std::size_t n = 1; n <= 2; ++n) {
    const support::held_loop held(b);
    (void)r.wait_for(n);
  }
  b.stop();
}

TEST_CASE(
    "the watchdog's thread ends with its bridge, however that ends, and there is none unasked") {
  const auto before = support::resources::in_use();
  const reports r;
  SUBCASE("stopped") {
    bridge b(watched(r, 1s));
    CHECK(support::entries_of("/proc/self/task") == before.threads + 2);
    b.stop();
    CHECK(before.threads_are_back());
  }
  SUBCASE("only waits are watched") {
    bridge b(watched(r, 0ns, 1s));
    CHECK(support::entries_of("/proc/self/task") == before.threads + 1);
  }
  SUBCASE("stopped by a callable, and let go") {
    bridge b(watched(r, 1s));
    b.call([&] { b.stop(); });
  }
  SUBCASE("adopted") {
    support::app_loop app;
    bridge b = bridge::adopt(&app.loop, watched(r, 1s));
    uv_run(&app.loop, UV_RUN_NOWAIT);
    b.stop();
  }
  CHECK(before.threads_are_back());
}
