// Every allocation fails in turn: the n-th, for each n, alone or with all after it, until the work
// succeeds. Each time there is a documented error, nothing is left behind, and the bridge goes on.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/timer.hpp>
#include <optional>
#include <string>
#include <system_error>

#include "faults/support/each_allocation.hpp"
#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/socket_pair.hpp"

TEST_SUITE_BEGIN("faults: allocation");

using loopbridge::bridge;
using loopbridge::options;
using support::attempt;
using support::counts;
using support::each_allocation_failing;
using support::token;
namespace memory = support::memory;

namespace {

options quiet(std::atomic<int>& reported) {
  options opts = support::with_each_doorbell();
  opts.on_unhandled_error = [&reported](const loopbridge::unhandled_error&) { ++reported; };
  return opts;
}

}  // namespace

TEST_CASE("a bridge that cannot start for want of memory throws, leaves nothing, starts later") {
  std::atomic<int> reported{0};
  const options opts = quiet(reported);
  each_allocation_failing("start", [&](attempt& a) {
    options own = opts;
    std::optional<bridge> b;
    const bool started = a([&] { b.emplace(std::move(own)); });
    CHECK(started == b.has_value());
    if (started) CHECK(b->call([] { return 7; }) == 7);
    bridge later(opts);
    CHECK(later.call([] { return 8; }) == 8);
  });
}

TEST_CASE("a loop that cannot be adopted for want of memory stays usable, and can be later") {
  std::atomic<int> reported{0};
  const options opts = quiet(reported);
  each_allocation_failing("adopt", [&](attempt& a) {
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    options own = opts;
    a([&] { bridge::adopt(&loop, std::move(own)); });
    {
      bridge b = bridge::adopt(&loop, opts);
      int ran = 0;
      b.post([&ran] { ++ran; });
      uv_run(&loop, UV_RUN_NOWAIT);
      CHECK(ran == 1);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    CHECK(uv_loop_close(&loop) == 0);
  });
}

TEST_CASE("what is refused for want of memory runs nothing, what is accepted runs once") {
  std::atomic<int> reported{0};
  bridge b(quiet(reported));
  each_allocation_failing("calls of all kinds", [&](attempt& a) {
    counts c;
    std::atomic<int> ran{0};
    int accepted = 0;
    std::string answer;
    // Longer than a std::string's own room, so that the result allocates on the loop.
    const auto text = [] { return std::string(100, 'x'); };
    std::optional<loopbridge::eventual<std::string>> submitted;
    a([&] {
      b.post([&ran, t = token(c)] { ++ran; });
      ++accepted;
    });
    a([&] {
      if (b.try_post([&ran, t = token(c)] { ++ran; }) == loopbridge::status::accepted) ++accepted;
    });
    a([&] { submitted.emplace(b.submit(text)); });
    if (submitted) a([&] { answer = std::move(*submitted).get(); });
    a([&] { answer = b.call(text); });
    a([&] { answer = b.call_for(support::generous, text); });
    a([&] { b.call_for(support::generous, [&ran, t = token(c)] { ++ran; }), ++accepted; });
    submitted.reset();
    support::catch_up(b);
    CHECK(ran == accepted);
    CHECK(c.alive() == 0);
    CHECK(b.call([] { return 1; }) == 1);
  });
}

TEST_CASE("an object on the loop, its watcher and its timer: made whole without memory, or not") {
  struct client {
    client(loopbridge::loop_ref loop, counts& c, int fd)
        : alive(c), watcher(loop, [](loopbridge::fd_events) {}), timer(loop, [] {}) {
      watcher.watch(fd, loopbridge::fd_interest::read);
      timer.start(std::chrono::hours(1));
    }
    token alive;
    loopbridge::fd_watcher watcher;
    loopbridge::timer timer;
  };
  std::atomic<int> reported{0};
  bridge b(quiet(reported));
  const support::socket_pair s;
  const auto handles = [&b] {
    return b.call([](loopbridge::loop_ref loop) {
      int n = 0;
      uv_walk(loop, [](uv_handle_t*, void* count) { ++*static_cast<int*>(count); }, &n);
      return n;
    });
  };
  const int handles_of_ours = handles();
  each_allocation_failing("owned", [&](attempt& a) {
    counts c;
    std::optional<loopbridge::owned<client>> o;
    a([&] { o.emplace(b, [&](loopbridge::loop_ref loop) { return client(loop, c, s.near); }); });
    CHECK(c.alive() == (o ? 1 : 0));
    o.reset();
    support::catch_up(b);
    CHECK(c.alive() == 0);
    CHECK(support::comes_true([&] { return handles() == handles_of_ours; }));  // they are closed
  });
}

TEST_CASE("call and the handlers' posts need no memory") {
  std::atomic<int> reported{0};
  bridge b(quiet(reported));
  loopbridge::reentrant_call prepaid(b, [] {});
  (void)b.call([] { return 0; });
  memory::fail(1, true);
  int sum = b.call([x = 3] { return x; });
  if (b.post_reentrant([] {}) == loopbridge::status::accepted) sum += 10;
  if (prepaid.post() == loopbridge::status::accepted) sum += 100;
  const int last = b.call([] { return 1000; });
  CHECK_FALSE(memory::recover());
  CHECK(sum + last == 1113);
}

TEST_CASE("deferreds without memory end their calls, by value, failure, cancel or timeout") {
  std::atomic<int> reported{0};
  bridge b(quiet(reported));
  each_allocation_failing("deferred", [&](attempt& a) {
    std::atomic<int> hooks{0};
    counts c;
    loopbridge::completer<std::string> kept;
    const auto begin = [&] {
      loopbridge::completer<std::string> done;
      auto answer = done.get_deferred();
      done.on_cancel([&hooks, t = token(c)] { ++hooks; });
      kept = std::move(done);
      return answer;
    };
    std::optional<loopbridge::eventual<std::string>> e;
    a([&] { e.emplace(b.submit(begin)); });
    support::catch_up(b);
    if (kept) a([&] { kept.resolve(100, 'y'); });
    if (e) a([&] { e->get(); });
    e.reset();
    a([&] {
      e.emplace(b.submit(begin));
      b.call([] {});
      e->cancel();
      try {
        e->get();
      } catch (const loopbridge::cancelled&) {
      }
    });
    a([&] {
      try {
        b.call_for(std::chrono::milliseconds(1), begin);
      } catch (const loopbridge::timed_out&) {
      }
    });
    kept = {};
    e.reset();
    support::catch_up(b);
    CHECK(c.alive() == 0);
    CHECK(b.call([] { return 1; }) == 1);
  });
}

TEST_CASE("a reentrant_call that finds no memory throws; one that is made fires") {
  std::atomic<int> reported{0};
  bridge b(quiet(reported));
  each_allocation_failing("reentrant_call", [&](attempt& a) {
    counts c;
    std::atomic<int> ran{0};
    std::optional<loopbridge::reentrant_call> r;
    const bool made = a([&] {
      r.emplace(b, [&ran, t = token(c)] { ++ran; });
      (void)r->post();
    });
    support::catch_up(b);
    CHECK(ran == (made ? 1 : 0));
    r.reset();
    CHECK(c.alive() == 0);
  });
}

TEST_CASE("without memory stop, restart and destruction release every waiter and report the rest") {
  std::atomic<int> reported{0};
  options opts = quiet(reported);
  opts.on_stop = loopbridge::queued_calls::refuse;
  each_allocation_failing("stop", [&](attempt& a) {
    reported = 0;
    std::optional<bridge> b(opts);
    loopbridge::completer<int> kept;
    auto unanswered = b->submit([&kept] { return kept.get_deferred(); });
    loopbridge::reentrant_call prepaid(*b, [] {});
    loopbridge::eventual<int> queued;
    {
      support::held_loop held(*b);
      queued = b->submit([] { return 5; });
      b->post([] {});
      (void)b->post_reentrant([] {});
      (void)prepaid.post();
      (void)b->submit([] { return 6; });  // dropped unread
      a([&] { b->stop_reentrant(); });
      held.release();
      CHECK(a([&] { b->stop(); }));
    }
    CHECK(reported == 4);
    CHECK(queued.ready());
    CHECK(unanswered.ready());
    a([&] {
      try {
        unanswered.get();
      } catch (const loopbridge::bridge_stopped&) {
      }
      try {
        b->post([] {});
      } catch (const loopbridge::bridge_stopped&) {
      }
    });
    options own = opts;
    const bool restarted = a([&] { *b = bridge(std::move(own)); });
    if (restarted) CHECK(b->call([] { return 7; }) == 7);
    CHECK(a([&] { b.reset(); }));
  });
}

TEST_CASE("in a cycle of loops a wait is refused, and a bridge destroyed, also without memory") {
  std::atomic<int> reported{0};
  const options opts = quiet(reported);
  each_allocation_failing("would_deadlock", [&](attempt& a) {
    std::optional<bridge> one(opts);
    bridge other(opts);
    int refused = 0;
    auto outer = one->submit([&] {
      other.call([&] {
        a([&] {
          try {
            one->call([] {});
          } catch (const loopbridge::would_deadlock&) {
            ++refused;
          }
        });
        CHECK(refused == (a.failed() ? 0 : 1));
        CHECK(a([&] { one.reset(); }));  // ends by itself, when this has returned
      });
    });
    CHECK(outer.wait_for(support::generous));
  });
}

TEST_CASE("where libuv's realloc fails, libuv ends the process; since 1.51 the constructor throws" *
          doctest::skip(support::has_asan || support::has_tsan)) {
  CHECK(support::in_child([] {
          uv_replace_allocator(
              std::malloc, [](void*, std::size_t) -> void* { return nullptr; }, std::calloc,
              std::free);
          try {
            const bridge b;
          } catch (const std::system_error&) {
            return 1;
          }
          return 2;
        }) == (uv_version() < 0x01'33'00 ? 300 + SIGABRT : 1));
}
