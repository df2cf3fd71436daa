#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <loopbridge/bridge_ref.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/queue_work.hpp>
#include <optional>
#include <thread>

#include "support/app_loop.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("bridge_ref");

namespace {

using loopbridge::bridge;
using loopbridge::bridge_ref;
using loopbridge::status;
using loopbridge::task;
using support::generous;

/// Does what it takes run on the loop of `b`?
bool is_of(const bridge_ref& r, const bridge& b) {
  bool here = false;
  auto ran = r.submit([&] { here = b.on_loop_thread(); });
  return ran.wait_for(generous) && here;
}

}  // namespace

TEST_CASE("in a callable bridge::current() is its bridge, and off every loop there is none") {
  bridge a;
  bridge b;
  CHECK_FALSE(bridge::current());
  bridge_ref of_a;
  bridge_ref of_b;
  a.call([&] {
    of_a = bridge::current();
    b.call([&] { of_b = bridge::current(); });
  });
  CHECK(is_of(of_a, a));
  CHECK(is_of(of_b, b));
  CHECK_FALSE(bridge::current());
}

TEST_CASE("in tasks too, whatever resumes them, and in callbacks of libuv's; not on its workers") {
  bridge b;
  bridge_ref later;
  std::optional<bool> on_a_worker;
  b.call([&]() -> task<> {
    co_await loopbridge::delay(std::chrono::milliseconds(1));
    later = bridge::current();
    on_a_worker =
        co_await loopbridge::queue_work([] { return static_cast<bool>(bridge::current()); });
  });
  CHECK(is_of(later, b));
  CHECK(on_a_worker == false);
  bridge_ref in_a_callback;
  auto done = b.submit([&](loopbridge::loop_ref loop) {
    struct state {
      uv_timer_t timer;
      loopbridge::completer<void> done;
      bridge_ref& found;
    };
    auto* const s = new state{{}, {}, in_a_callback};
    auto answer = s->done.get_deferred();
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(
        &s->timer,
        [](uv_timer_t* t) {
          auto* const of = static_cast<state*>(t->data);
          of->found = bridge::current();
          uv_close(reinterpret_cast<uv_handle_t*>(t), [](uv_handle_t* h) {
            auto* const closed = static_cast<state*>(h->data);
            closed->done.resolve();
            delete closed;
          });
        },
        0, 0);
    return answer;
  });
  done.get_for(generous);
  CHECK(is_of(in_a_callback, b));
}

TEST_CASE("an adopted loop's bridge is current in its callables and tasks, and nowhere else") {
  support::app_loop app;
  bridge outer;
  {
    bridge b = bridge::adopt(&app.loop);
    bool in_callable = false;
    bool in_task = false;
    b.post([&] { in_callable = static_cast<bool>(bridge::current()); });
    auto t = b.submit([&]() -> task<> {
      co_await loopbridge::delay(std::chrono::milliseconds(1));
      in_task = static_cast<bool>(bridge::current());
    });
    CHECK(support::comes_true([&] {
      uv_run(&app.loop, UV_RUN_NOWAIT);
      CHECK_FALSE(bridge::current());
      return t.ready();
    }));
    CHECK(in_callable);
    CHECK(in_task);
  }
}

TEST_CASE("a callable that turns another loop has its own bridge again after that") {
  bridge outer;
  bridge_ref inside;
  bridge_ref after;
  outer.call([&] {
    support::app_loop app;
    bridge nested = bridge::adopt(&app.loop);
    std::optional<status> posted;
    nested.post([&] { inside = bridge::current(); });
    uv_run(&app.loop, UV_RUN_NOWAIT);
    after = bridge::current();
    posted = inside.try_post([] {});
    CHECK(posted == status::accepted);
    nested.stop();
    CHECK(inside.try_post([] {}) == status::bridge_stopped);
  });
  CHECK(is_of(after, outer));
}

TEST_CASE("it may outlive the bridge, and refuses then; an empty one says that it is empty") {
  std::optional<bridge> b(std::in_place);
  const bridge_ref r(*b);
  const bridge_ref copy = r;
  CHECK(is_of(copy, *b));
  r.post([] {});
  b.reset();
  CHECK(r);
  CHECK_THROWS_AS(r.post([] {}), loopbridge::bridge_stopped);
  CHECK_THROWS_AS((void)copy.submit([] {}), loopbridge::bridge_stopped);
  CHECK(r.try_post([] {}) == status::bridge_stopped);
  CHECK(r.try_submit([] {}).status() == status::bridge_stopped);
  const bridge_ref none;
  CHECK_THROWS_AS(none.post([] {}), loopbridge::no_state);
  CHECK_THROWS_AS((void)none.submit([] {}), loopbridge::no_state);
  CHECK(none.try_post([] {}) == status::bridge_stopped);
  CHECK(none.try_submit([] {}).status() == status::bridge_stopped);
}
