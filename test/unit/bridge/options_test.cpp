#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("options");

namespace {

using loopbridge::bridge;
using loopbridge::options;
using support::generous;

std::string thread_name() {
  char name[64] = {};
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

sigset_t current_mask() {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}

}  // namespace

TEST_CASE("the name is the thread's, as far as the system has room") {
  options opts;
  bridge by_default(opts);
  CHECK(by_default.call_for(generous, thread_name) == "loopbridge");
  opts.name = "a-name-of-more-than-15-bytes";
  bridge named(opts);
  CHECK(named.call_for(generous, thread_name) == "a-name-of-more-");
  opts.name = "";
  bridge nameless(opts);
  CHECK(nameless.call_for(generous, [] { return 1; }) == 1);
}

TEST_CASE("the loop's thread blocks signals, except those that must get through") {
  sigset_t open_here, before;
  sigemptyset(&open_here);
  for (const int s : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&open_here, s);
  pthread_sigmask(SIG_UNBLOCK, &open_here, &before);
  bridge b;
  const sigset_t mask = b.call_for(generous, current_mask);
  for (const int open :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF, SIGXCPU, SIGPWR}) {
    CAPTURE(open);
    CHECK(sigismember(&mask, open) == 0);
  }
  // (Those that a callable's children need are in callables_children_test.)
  for (const int blocked : {SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP, SIGWINCH, SIGRTMAX}) {
    CAPTURE(blocked);
    CHECK(sigismember(&mask, blocked) == 1);
  }
  const sigset_t here = current_mask();  // the maker's own is as it was
  for (const int s : {SIGINT, SIGTERM, SIGUSR1}) CHECK(sigismember(&here, s) == 0);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("the signals to block may be chosen") {
  options opts;
  opts.blocked_signals.emplace();
  sigemptyset(&*opts.blocked_signals);
  sigaddset(&*opts.blocked_signals, SIGUSR2);
  bridge b(opts);
  const sigset_t mask = b.call_for(generous, current_mask);
  CHECK(sigismember(&mask, SIGUSR2) == 1);
  CHECK(sigismember(&mask, SIGUSR1) == 0);
  CHECK(sigismember(&mask, SIGINT) == 0);
}

TEST_CASE("the hooks run on the loop's thread, before its first turn and after its last") {
  const support::watchdog dog;
  std::vector<std::string> events;
  std::thread::id started, exited, called;
  options opts = support::with_each_doorbell();
  opts.on_thread_start = [&] {
    events.push_back("start");
    started = std::this_thread::get_id();
  };
  opts.on_thread_exit = [&] {
    events.push_back("exit");
    exited = std::this_thread::get_id();
  };
  {
    bridge b(opts);
    CHECK(events == std::vector<std::string>{"start"});  // the constructor waits for it
    b.post([&] {
      events.push_back("call");
      called = std::this_thread::get_id();
    });
  }
  CHECK(events == std::vector<std::string>{"start", "call", "exit"});
  CHECK(started == called);
  CHECK(exited == called);
}

TEST_CASE("on_thread_start is given the loop if it takes it, before any call runs") {
  const support::watchdog no_hang;
  uv_loop_t* given = nullptr;
  uv_timer_t timer;
  bool fired = false;
  loopbridge::options opts;
  opts.on_thread_start = [&](loopbridge::loop_ref loop) {
    given = loop;
    uv_timer_init(loop, &timer);
    timer.data = &fired;
    const auto fire = [](uv_timer_t* t) {
      *static_cast<bool*>(t->data) = true;
      uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
    };
    uv_timer_start(&timer, fire, 0, 0);
  };
  bridge b(opts);
  CHECK(given == b.call([](loopbridge::loop_ref loop) { return loop.get(); }));
  CHECK(support::comes_true([&] { return b.call([&] { return fired; }); }));
}

TEST_CASE("on_thread_start may be a std::function, empty or not, a function, or nothing again") {
  const support::watchdog no_hang;
  loopbridge::options opts;
  opts.on_thread_start = std::function<void()>();
  CHECK_FALSE(opts.on_thread_start);
  opts.on_thread_start = std::function<void(loopbridge::loop_ref)>();
  CHECK_FALSE(opts.on_thread_start);
  static int ran = 0;
  opts.on_thread_start = +[] { ++ran; };
  CHECK(opts.on_thread_start);
  loopbridge::options copy = opts;
  copy.on_thread_start = nullptr;
  CHECK_FALSE(copy.on_thread_start);
  {
    bridge b(copy);
  }
  CHECK(ran == 0);
  {
    bridge b(opts);
  }
  CHECK(ran == 1);
}

TEST_CASE("the constructor throws what on_thread_start throws, and leaves nothing behind") {
  const support::watchdog dog;
  support::counts counts;
  bool exited = false;
  {
    options opts = support::with_each_doorbell();
    opts.on_thread_start = [t = std::make_shared<support::token>(counts)] {
      throw std::runtime_error("no such runtime");
    };
    opts.on_thread_exit = [&] { exited = true; };
    CHECK_THROWS_WITH_AS(bridge(std::move(opts)), "no such runtime", std::runtime_error);
  }
  CHECK(counts.alive() == 0);  // the core is gone
  CHECK_FALSE(exited);
}

TEST_CASE("what on_thread_exit throws is reported") {
  const support::error_log log;
  options opts = support::reporting_to(log);
  opts.on_thread_exit = [] { throw std::runtime_error("at exit"); };
  bridge(opts).stop();
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "at exit");
}

TEST_CASE("the unhandled-error hook learns what, where and of which bridge") {
  const support::error_log log;
  options opts = support::reporting_to(log);
  opts.name = "alpha";
  bridge b(opts);
  b.post([] { throw std::runtime_error("posted"); });
  const unsigned line = __LINE__ - 1;
  REQUIRE(log.wait_for(1));
  const auto entry = log.entries()[0];
  CHECK(entry.what == "posted");
  CHECK(entry.file == __FILE__);
  CHECK(entry.line == line);
  CHECK(entry.bridge == "alpha");
  CHECK(entry.thread == b.call_for(generous, [] { return std::this_thread::get_id(); }));
  b.post([] { throw 5; }, support::here);
  REQUIRE(log.wait_for(2));
  CHECK(log.entries()[1].file == "here.cpp");
  CHECK(log.entries()[1].line == 7);
  CHECK(b.call_for(generous, [] { return 1; }) == 1);  // the loop goes on
}

TEST_CASE("a hook that throws itself does not end the program") {
  options opts;
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) { throw 1; };
  bridge b(opts);
  b.post([] { throw std::runtime_error("printed to stderr by this test: not a failure"); });
  CHECK(b.call_for(generous, [] { return 1; }) == 1);
}

TEST_CASE("what is queued at a stop runs, or is refused and reported, as was chosen") {
  const support::watchdog dog;
  const support::error_log log;
  support::counts counts;
  options opts = support::reporting_to(log);
  bool runs = true;
  SUBCASE("run") {}
  SUBCASE("refuse") {
    runs = false;
  }
  opts.on_stop = runs ? loopbridge::queued_calls::run : loopbridge::queued_calls::refuse;
  bridge b(opts);
  std::atomic<int> ran{0};
  std::optional<support::held_loop> held(std::in_place, b);
  b.post([&, t = support::token(counts)] { ++ran; });
  auto submitted = b.submit([&, t = support::token(counts)] { return ++ran; });
  std::thread stopper([&]() noexcept { b.stop(); });
  support::until_stopped(b);
  held.reset();
  stopper.join();
  CHECK(ran == (runs ? 2 : 0));
  CHECK(counts.alive() == 0);
  if (runs) {
    CHECK(submitted.get_for(generous) == 2);
    CHECK(log.size() == 0);
  } else {
    CHECK_THROWS_AS(submitted.get_for(generous), loopbridge::bridge_stopped);
    REQUIRE(log.size() == 1);
    CHECK(support::holds<loopbridge::bridge_stopped>(log.entries()[0].error));
    CHECK(log.entries()[0].file == __FILE__);
  }
}

TEST_CASE("a stop that refuses ends what has not started, also of calls that were taken together") {
  const support::watchdog dog;
  const support::error_log log;
  bridge b(support::refusing(support::reporting_to(log)));
  std::optional<support::held_loop> first(std::in_place, b);
  support::gate running, go_on;
  b.post([=] {
    running.open();
    (void)go_on.wait();
  });
  bool ran = false;
  auto queued_behind = b.submit([&] { ran = true; });
  first.reset();
  REQUIRE(running.wait());  // both were taken off the list by now, and one of them runs
  SUBCASE("stop") {
    std::thread stopper([&]() noexcept { b.stop(); });
    support::until_stopped(b);
    go_on.open();
    stopper.join();
  }
  SUBCASE("stop_reentrant") {
    b.stop_reentrant();
    go_on.open();
    b.stop();
  }
  CHECK_FALSE(ran);
  CHECK_THROWS_AS(queued_behind.get_for(generous), loopbridge::bridge_stopped);
}
