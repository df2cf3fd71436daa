// options::watchdog: what lasts too long is reported while it lasts, with the place where it was
// submitted.
#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <condition_variable>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/resources.hpp"
#include "support/sanitizers.hpp"

TEST_SUITE_BEGIN("watchdog");

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::overdue;
using kind = overdue::kind;
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
      log->all.push_back({o.what, o.where.line(), o.so_far, std::this_thread::get_id()});
      log->changed.notify_all();
    };
  }
  /// The n-th of its kind, once it is there. (Turns of a slow machine's loop may be overdue too.)
  seen wait_for(overdue::kind what, std::size_t n = 1) const {
    std::unique_lock lock(log_->mutex);
    std::vector<seen> found;
    REQUIRE(log_->changed.wait_for(lock, generous, [&] {
      found = of(what);
      return found.size() >= n;
    }));
    return found[n - 1];
  }
  std::size_t count(overdue::kind what) const {
    const std::lock_guard lock(log_->mutex);
    return of(what).size();
  }

 private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<seen> all;
  };
  /// Under the lock.
  std::vector<seen> of(overdue::kind what) const {
    std::vector<seen> found = log_->all;
    std::erase_if(found, [&](const seen& s) { return s.what != what; });
    return found;
  }
  std::shared_ptr<shared> log_ = std::make_shared<shared>();
};

/// More than a turn of a slow machine's loop takes.
constexpr auto limit = 50ms;

options watched(const reports& r, std::chrono::nanoseconds callback) {
  options opts = support::with_each_doorbell();
  opts.watchdog = {.callback = callback, .on_overdue = r.hook()};
  return opts;
}

/// What a callable is stuck in. Released at the end, for a test that has failed.
class obstacle {
 public:
  ~obstacle() { remove(); }
  auto stick() const {
    return [g = gate_] { (void)g.wait(); };
  }
  void remove() const { gate_.open(); }

 private:
  support::gate gate_{};
};

}  // namespace

TEST_CASE("a callable that is stuck is reported while it is stuck, once, with its place") {
  const reports r;
  bridge b(options{.watchdog = {.callback = limit, .on_overdue = r.hook()}});
  const obstacle o;
  unsigned line = 0;
  SUBCASE("posted") {
    b.post(o.stick());
    line = __LINE__ - 1;
  }
  SUBCASE("submitted") {
    (void)b.submit(o.stick());
    line = __LINE__ - 1;
  }
  SUBCASE("submitted, to be answered later") {
    const auto stuck_then_answered = [stick = o.stick()] {
      loopbridge::completer<void> done;
      stick();
      auto answer = done.get_deferred();
      done.resolve();
      return answer;
    };
    (void)b.submit(stuck_then_answered);
    line = __LINE__ - 1;
  }
  const seen s = r.wait_for(kind::callback);
  CHECK(s.line == line);
  CHECK(s.so_far >= limit);
  CHECK(s.thread != std::this_thread::get_id());
  std::this_thread::sleep_for(2 * limit);  // nothing would show that nothing comes
  CHECK(r.count(kind::callback) == 1);     // still stuck, and said already
  o.remove();
  b.stop();
}

TEST_CASE("a reentrant_call, and what a handler posted, are watched too") {
  const reports r;
  bridge b(watched(r, limit));
  const obstacle first;
  loopbridge::reentrant_call fired(b, first.stick());
  const unsigned line = __LINE__ - 1;
  CHECK(fired.post() == loopbridge::status::accepted);
  CHECK(r.wait_for(kind::callback).line == line);
  first.remove();
  const obstacle second;
  CHECK(b.post_reentrant([](const obstacle* o) { o->stick()(); }, &second, support::here) ==
        loopbridge::status::accepted);
  CHECK(r.wait_for(kind::callback, 2).line == 7);
  second.remove();
  b.stop();
}

TEST_CASE("a callable that runs the loop is watched, and those that it runs") {
  const reports r;
  bridge b(watched(r, limit));
  const obstacle inner;
  const obstacle outer;
  b.post([&](loopbridge::loop_ref loop) {
    b.post(inner.stick());
    uv_run(loop, UV_RUN_NOWAIT);
    outer.stick()();
  });
  const unsigned line = __LINE__ - 5;
  CHECK(r.wait_for(kind::callback).line == line + 1);
  inner.remove();
  CHECK(r.wait_for(kind::callback, 2).line == line);
  outer.remove();
  b.stop();
}

TEST_CASE("a callback of libuv's that is stuck is noticed by the calls that wait behind it") {
  const reports r;
  bridge b(watched(r, limit));
  const support::gate inside;
  const obstacle o;
  struct stuck {
    uv_timer_t timer;
    const support::gate& inside;
    const obstacle& in;
  } s{{}, inside, o};
  b.call([&](loopbridge::loop_ref loop) {
    uv_timer_init(loop, &s.timer);
    s.timer.data = &s;
    uv_timer_start(
        &s.timer,
        [](uv_timer_t* t) {
          const auto* const own = static_cast<stuck*>(t->data);
          own->inside.open();
          own->in.stick()();
          uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
        },
        0, 0);
  });
  REQUIRE(inside.wait());
  b.post([] {});
  CHECK(r.wait_for(kind::turn).line == 0);  // nobody's call
  o.remove();
  b.stop();
}

TEST_CASE("what is in time is not reported, and an idle loop is not stuck") {
  const reports r;
  {
    bridge b(watched(r, generous));
    for (int n = 0; n < 1000; ++n) b.call([] {});
  }
  bridge idle(watched(r, 1ms));
  std::this_thread::sleep_for(10ms);  // several of the watchdog's rounds
  for (const kind k : {kind::callback, kind::turn}) CHECK(r.count(k) == 0);
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
    (void)r.wait_for(kind::callback, n);
  }
  b.stop();
}

TEST_CASE(
    "the watchdog's thread ends with its bridge, however that ends, and there is none unasked") {
  std::thread([]() noexcept {}).join();  // with the first ThreadSanitizer starts its own
  constexpr int usual = support::has_tsan ? 2 : 1;
  // One that was joined may be listed for a moment longer.
  REQUIRE(support::comes_true([] { return support::resources::in_use().threads == usual; }));
  const auto before = support::resources::in_use();
  const reports r;
  SUBCASE("stopped") {
    bridge b(watched(r, 1s));
    CHECK(support::entries_of("/proc/self/task") == before.threads + 2);
    b.stop();
    CHECK(before.threads_are_back());
  }
  SUBCASE("none is asked for") {
    bridge b(watched(r, 0ns));
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
