#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
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
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("reentrant_call");

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::reentrant_call;
using loopbridge::status;
using support::generous;

TEST_CASE("the worked count: five firings while the loop is busy are one run of five") {
  bridge b(support::with_each_doorbell());
  std::vector<std::uint64_t> runs;
  reentrant_call call(b, [&](std::uint64_t firings) { runs.push_back(firings); });
  {
    const support::held_loop held(b);
    for (int i = 0; i < 5; ++i) CHECK(call.post() == status::accepted);
  }
  support::catch_up(b);
  CHECK(runs == std::vector<std::uint64_t>{5});
  CHECK(call.coalesced() == 4);
}

TEST_CASE("firings apart from each other are runs of one") {
  bridge b(support::with_each_doorbell());
  std::vector<std::uint64_t> runs;
  reentrant_call call(b, [&](std::uint64_t firings) { runs.push_back(firings); });
  for (int i = 0; i < 3; ++i) {
    CHECK(call.post() == status::accepted);
    support::catch_up(b);
  }
  CHECK(runs == std::vector<std::uint64_t>{1, 1, 1});
  CHECK(call.coalesced() == 0);
}

TEST_CASE("the callable may take loop and count, one of them, or nothing") {
  bridge b;
  int ran = 0;
  reentrant_call both(b, [&](loop_ref l, std::uint64_t n) { ran += l.get() != nullptr && n == 1; });
  reentrant_call count(b, [&](std::uint64_t n) { ran += n == 1 ? 10 : 0; });
  reentrant_call loop(b, [&](loop_ref l) { ran += l.get() != nullptr ? 100 : 0; });
  reentrant_call nothing(b, [&] { ran += 1000; });
  struct only_moves {
    std::unique_ptr<int> n = std::make_unique<int>(10000);
    int* ran;
    void operator()() { *ran += *n; }
  };
  only_moves m;
  m.ran = &ran;
  reentrant_call mover(b, std::move(m));
  for (reentrant_call* const c : {&both, &count, &loop, &nothing, &mover}) {
    CHECK(c->post() == status::accepted);
  }
  support::catch_up(b);
  CHECK(ran == 11111);
}

TEST_CASE("a firing while the callable runs leads to one more run") {
  bridge b;
  std::optional<reentrant_call> call;
  std::vector<std::uint64_t> runs;
  call.emplace(b, [&](std::uint64_t firings) {
    runs.push_back(firings);
    if (runs.size() == 1) {
      for (int i = 0; i < 3; ++i) CHECK(call->post() == status::accepted);
    }
  });
  CHECK(call->post() == status::accepted);
  support::catch_up(b);
  support::catch_up(b);
  CHECK(runs == std::vector<std::uint64_t>{1, 3});
}

TEST_CASE("threads that fire at once lose no firing") {
  bridge b(support::with_each_doorbell());
  std::uint64_t total = 0;
  reentrant_call call(b, [&](std::uint64_t firings) { total += firings; });
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int i = 0; i < 5000; ++i) accepted += call.post() == status::accepted ? 1 : 0;
    });
  }
  for (std::thread& t : threads) t.join();
  support::catch_up(b);
  CHECK(accepted == 20000);
  CHECK(total == 20000);
}

TEST_CASE("what is queued when a bridge stops that refuses is reported, and does not run") {
  const support::error_log log;
  bridge b(support::refusing(support::reporting_to(log)));
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  support::stop_while_queued(b, [&] { CHECK(call.post() == status::accepted); });
  CHECK(ran == 0);
  REQUIRE(log.size() == 1);
  CHECK(support::holds<loopbridge::bridge_stopped>(log.entries()[0].error));
  CHECK(log.entries()[0].file.find("reentrant_call_test.cpp") != std::string::npos);
}

TEST_CASE("what the callable throws is reported with the place where the call was made") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  reentrant_call call(b, [] { throw std::runtime_error("fired"); });
  const unsigned line = __LINE__ - 1;
  CHECK(call.post() == status::accepted);
  CHECK(call.call_for(generous) == status::answered);
  REQUIRE(log.wait_for(2));
  CHECK(log.entries()[0].what == "fired");
  CHECK(log.entries()[0].line == line);
}

TEST_CASE(
    "the callable is destroyed by the thread that destroys the call, or on the loop if it is "
    "queued") {
  bridge b(support::with_each_doorbell());
  const auto loop_thread = b.call_for(generous, [] { return std::this_thread::get_id(); });
  support::counts idle, queued;
  {
    reentrant_call call(b, [t = support::token(idle)] {});
  }
  CHECK(idle.destroyed == 1);
  CHECK(idle.destroyed_on.load() == std::this_thread::get_id());
  int ran = 0;
  {
    const support::held_loop held(b);
    {
      reentrant_call call(b, [&, t = support::token(queued)] { ++ran; });
      CHECK(call.post() == status::accepted);
    }
    CHECK(queued.destroyed == 0);
  }
  support::catch_up(b);
  CHECK(ran == 1);
  CHECK(queued.destroyed == 1);
  CHECK(queued.destroyed_on.load() == loop_thread);
}

TEST_CASE("a call may outlive its bridge, which it then refuses for") {
  std::optional<bridge> b(std::in_place, support::with_each_doorbell());
  int ran = 0;
  reentrant_call call(*b, [&] { ++ran; });
  CHECK(call.post() == status::accepted);
  b.reset();
  CHECK(ran == 1);
  CHECK(call.post() == status::bridge_stopped);
  CHECK(call.call_for(generous) == status::bridge_stopped);
}

TEST_CASE("a call that was moved from refuses, and the other goes on") {
  bridge b;
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  reentrant_call moved(std::move(call));
  CHECK(call.post() == status::bridge_stopped);
  CHECK(call.call_for(generous) == status::bridge_stopped);
  CHECK(call.coalesced() == 0);
  CHECK(moved.call_for(generous) == status::answered);
  CHECK(ran == 1);
}

TEST_CASE("in a forked child firing is refused, and keeps errno") {
  bridge b(support::with_each_doorbell());
  int ran = 0;
  reentrant_call call(b, [&] { ++ran; });
  CHECK(support::in_child([&] {
          errno = 1234;
          if (call.post() != status::wrong_process) return 1;
          if (call.call_for(generous) != status::wrong_process) return 2;
          return errno == 1234 ? 0 : 3;
        }) == 0);
  support::catch_up(b);
  CHECK(ran == 0);
}
