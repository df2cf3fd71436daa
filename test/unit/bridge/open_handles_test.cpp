// options::on_open_handle, and what a stop does about the program's handles and requests.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("open_handles");

namespace {

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::open_handle;
using support::generous;

template <class Handle>
uv_handle_t* as_handle(Handle& h) {
  return reinterpret_cast<uv_handle_t*>(&h);
}

}  // namespace

TEST_CASE("handles left open are reported by type, and closed") {
  const support::watchdog dog;
  std::vector<std::string> reported;
  std::vector<uv_handle_t*> handles;
  loopbridge::options opts = support::with_each_doorbell();
  opts.name = "alpha";
  opts.on_open_handle = [&](const open_handle& h) {
    reported.push_back(std::string(h.bridge) + ":" + h.type);
    handles.push_back(h.handle);
  };
  uv_timer_t timer;
  uv_tcp_t tcp;
  {
    bridge b(opts);
    b.call_for(generous, [&](loop_ref loop) {
      uv_timer_init(loop, &timer);
      uv_timer_start(&timer, [](uv_timer_t*) {}, 1000000, 0);
      uv_tcp_init(loop, &tcp);
    });
  }
  CHECK(reported == std::vector<std::string>{"alpha:timer", "alpha:tcp"});
  CHECK(handles == std::vector<uv_handle_t*>{as_handle(timer), as_handle(tcp)});
  CHECK(uv_is_closing(as_handle(timer)) != 0);
  CHECK(uv_is_closing(as_handle(tcp)) != 0);
}

TEST_CASE("our own handles, and the program's closed ones, are not reported") {
  const support::watchdog dog;
  int reported = 0;
  loopbridge::options opts = support::with_each_doorbell();
  opts.on_open_handle = [&](const open_handle&) { ++reported; };
  uv_timer_t timer;
  {
    bridge b(opts);
    b.call_for(generous, [&](loop_ref loop) {
      uv_timer_init(loop, &timer);
      uv_close(as_handle(timer), nullptr);
    });
  }
  CHECK(reported == 0);
}

TEST_CASE("the hook may close a handle itself, and its close callback runs on the loop") {
  const support::watchdog dog;
  struct owned {
    uv_timer_t timer{};
    std::thread::id closed_on{};
  } o;
  loopbridge::options opts;
  opts.on_open_handle = [](const open_handle& h) {
    uv_close(h.handle, [](uv_handle_t* t) {
      static_cast<owned*>(t->data)->closed_on = std::this_thread::get_id();
    });
  };
  std::thread::id loop_thread;
  {
    bridge b(opts);
    b.call_for(generous, [&](loop_ref loop) {
      uv_timer_init(loop, &o.timer);
      o.timer.data = &o;
      loop_thread = std::this_thread::get_id();
    });
  }
  CHECK(o.closed_on == loop_thread);
}

TEST_CASE("a handle that a close callback opens is reported and closed as well") {
  const support::watchdog dog;
  struct pair {
    uv_timer_t first{}, second{};
  } p;
  std::vector<uv_handle_t*> reported;
  loopbridge::options opts;
  opts.on_open_handle = [&](const open_handle& h) {
    reported.push_back(h.handle);
    if (h.handle != as_handle(p.first)) return;
    uv_close(h.handle,
             [](uv_handle_t* t) { uv_timer_init(t->loop, &static_cast<pair*>(t->data)->second); });
  };
  {
    bridge b(opts);
    b.call_for(generous, [&](loop_ref loop) {
      uv_timer_init(loop, &p.first);
      p.first.data = &p;
    });
  }
  CHECK(reported == std::vector<uv_handle_t*>{as_handle(p.first), as_handle(p.second)});
  CHECK(uv_is_closing(as_handle(p.second)) != 0);
}

TEST_CASE("a hook that throws is reported, and the handle is closed") {
  const support::watchdog dog;
  const support::error_log log;
  loopbridge::options opts = support::reporting_to(log);
  opts.on_open_handle = [](const open_handle&) { throw std::runtime_error("hook"); };
  uv_timer_t timer;
  {
    bridge b(opts);
    b.call_for(generous, [&](loop_ref loop) { uv_timer_init(loop, &timer); });
  }
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "hook");
  CHECK(uv_is_closing(as_handle(timer)) != 0);
}

TEST_CASE("requests still at work in libuv are waited for") {
  const support::watchdog dog;
  struct work {
    uv_work_t request{};
    support::gate may_end;
    std::atomic<bool> done{false};
    bool told = false;
  } w;
  w.request.data = &w;
  bridge b;
  b.call_for(generous, [&](loop_ref loop) {
    uv_queue_work(
        loop, &w.request,
        [](uv_work_t* r) {
          auto& self = *static_cast<work*>(r->data);
          (void)self.may_end.wait();
          self.done = true;
        },
        [](uv_work_t* r, int) { static_cast<work*>(r->data)->told = true; });
  });
  std::thread stopper([&]() noexcept { b.stop(); });
  support::until_stopped(b);
  w.may_end.open();
  stopper.join();
  CHECK(w.done);
  CHECK(w.told);
}
