#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <new>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/memory.hpp"
#include "support/senders.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("schedule_sender");

namespace {

using loopbridge::bridge;
using loopbridge::get_scheduler;
using support::ending;
using support::receiver;

std::atomic<long> entered_malloc{0};

std::thread::id loop_of(bridge& b) {
  return b.call([] { return std::this_thread::get_id(); });
}

}  // namespace

// Not inlined: gcc would see free() take what new returned.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++entered_malloc;
  if (void* const p = std::malloc(size != 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

TEST_CASE("schedule() completes on the loop's thread, in its turn among other calls") {
  bridge b;
  ending<> ended;
  int earlier = 0;
  auto work = ex::then(ex::schedule(get_scheduler(b)), [&] { return earlier; });
  ending<int> got;
  auto operation = ex::connect(std::move(work), receiver<int>(got));
  {
    const support::held_loop held(b);
    b.post([&] { earlier = 1; });
    ex::start(operation);
    b.post([&] { earlier = 2; });
  }
  REQUIRE(got.wait());
  CHECK(got.value == std::tuple(1));
  CHECK(got.on == loop_of(b));
  CHECK(got.count == 1);
}

TEST_CASE("schedule(), and a call with a plain result, take no memory, from connect to the end") {
  support::counting_memory memory;
  loopbridge::options opts;
  opts.memory = &memory;
  bridge b(opts);
  const auto on = get_scheduler(b);
  support::catch_up(b);
  ending<> scheduled;
  ending<int> called;
  const int blocks = memory.allocations();
  const long before = entered_malloc.load();
  long after = 0;
  {
    auto first = ex::connect(on.schedule(), receiver<>(scheduled));
    auto second = ex::connect(loopbridge::call_sender(b, [] { return 7; }), receiver<int>(called));
    ex::start(first);
    ex::start(second);
    REQUIRE(scheduled.wait());
    REQUIRE(called.wait());
    after = entered_malloc.load();
  }
  CHECK(called.value == std::tuple(7));
  CHECK(after == before);
  CHECK(memory.allocations() == blocks);
  // Negative control: a submitted call takes a block, and it is counted.
  ending<int> submitted;
  auto third =
      ex::connect(loopbridge::as_sender(b.submit([] { return 1; })), receiver<int>(submitted));
  ex::start(third);
  REQUIRE(submitted.wait());
  CHECK(memory.allocations() > blocks);
}

TEST_CASE("a stopped bridge refuses at once, on the calling thread") {
  bridge b;
  const auto on = get_scheduler(b);
  b.stop();
  ending<> ended;
  auto operation = ex::connect(on.schedule(), receiver<>(ended));
  ex::start(operation);
  CHECK(ended.stopped);
  CHECK(ended.on == std::this_thread::get_id());
  CHECK(ended.count == 1);
}

TEST_CASE("a bridge that stops runs what is queued, or completes it with set_stopped") {
  bool runs = false;
  loopbridge::options opts;
  SUBCASE("runs it") {
    runs = true;
  }
  SUBCASE("refuses it") {
    opts = support::refusing();
  }
  bridge b(opts);
  ending<> ended;
  auto operation = ex::connect(get_scheduler(b).schedule(), receiver<>(ended));
  support::stop_while_queued(b, [&] { ex::start(operation); });
  REQUIRE(ended.wait());
  CHECK(ended.value.has_value() == runs);
  CHECK(ended.stopped == !runs);
  CHECK(ended.count == 1);
}

TEST_CASE("a queued operation whose stop is requested completes when the loop reaches it") {
  bridge b;
  std::stop_source source;
  ending<> ended;
  auto operation = ex::connect(get_scheduler(b).schedule(), receiver<>(ended, source.get_token()));
  {
    const support::held_loop held(b);
    ex::start(operation);
    source.request_stop();
    CHECK_FALSE(ended.done.is_open());
  }
  REQUIRE(ended.wait());
  CHECK(ended.stopped);
  CHECK(ended.on == loop_of(b));
  CHECK(ended.count == 1);
}

TEST_CASE("a full bridge is an error, told inside start()") {
  loopbridge::options opts;
  opts.capacity = 1;
  opts.patience = std::chrono::seconds(0);
  bridge b(opts);
  ending<> ended;
  auto operation = ex::connect(get_scheduler(b).schedule(), receiver<>(ended));
  {
    const support::held_loop held(b);
    b.post([] {});
    ex::start(operation);
    CHECK(support::is_a<loopbridge::bridge_full>(ended.error));
    CHECK(ended.on == std::this_thread::get_id());
  }
  b.stop();
  CHECK(ended.count == 1);
}

TEST_CASE("schedulers of one bridge are equal, and outlive it") {
  std::optional<bridge> b(std::in_place);
  bridge other;
  auto on = get_scheduler(*b);
  auto moved = std::move(on);
  CHECK(on == moved);  // NOLINT: a move copies
  CHECK_FALSE(on == get_scheduler(other));
  moved = get_scheduler(other);
  CHECK(moved == get_scheduler(other));
  b.reset();
  ending<> ended;
  auto operation = ex::connect(on.schedule(), receiver<>(ended));
  ex::start(operation);
  CHECK(ended.stopped);
}

TEST_CASE("the scheduler of a bridge that was moved from is an error") {
  bridge b;
  const bridge taken = std::move(b);
  CHECK_THROWS_AS((void)get_scheduler(b), loopbridge::no_state);
}

TEST_CASE("an operation may go as soon as it has completed, also while start() returns") {
  const support::watchdog deadline;
  bridge b;
  for (int i = 0; i < 1000; ++i) {
    ending<> ended;
    auto operation = ex::connect(get_scheduler(b).schedule(), receiver<>(ended));
    ex::start(operation);
    REQUIRE(ended.wait());
  }
}

TEST_CASE("in a forked child the error says so") {
  bridge b;
  support::catch_up(b);
  const int wrong = support::in_child([&] {
    ending<> ended;
    auto operation = ex::connect(get_scheduler(b).schedule(), receiver<>(ended));
    ex::start(operation);
    return support::is_a<loopbridge::wrong_process>(ended.error) ? 0 : 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("a receiver that takes long is reported as a callable that does") {
  support::gate reported;
  loopbridge::options opts;
  opts.watchdog.callback = std::chrono::milliseconds(1);
  opts.watchdog.on_overdue = [reported](const loopbridge::overdue& late) {
    if (late.what == loopbridge::overdue::kind::callback) reported.open();
  };
  bridge b(opts);
  ending<bool> ended;
  auto operation =
      ex::connect(ex::then(get_scheduler(b).schedule(), [reported] { return reported.wait(); }),
                  receiver<bool>(ended));
  ex::start(operation);
  REQUIRE(ended.wait());
  CHECK(ended.value == std::tuple(true));
}
