// bridge::post and try_post.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "call/slab.hpp"
#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/memory.hpp"

TEST_SUITE_BEGIN("post");

namespace {

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::status;
using support::generous;

std::thread::id loop_thread_of(bridge& b) {
  return b.call_for(generous, [] { return std::this_thread::get_id(); });
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw std::domain_error("copied"); }
  void operator()() const {}
};

}  // namespace

TEST_CASE("a posted call runs on the loop, after what was posted before") {
  bridge b(support::with_each_doorbell());
  std::vector<int> ran;
  std::thread::id ran_on;
  for (int i = 0; i < 100; ++i) b.post([&, i] { ran.push_back(i); });
  b.post([&] { ran_on = std::this_thread::get_id(); });
  CHECK(loop_thread_of(b) == ran_on);
  REQUIRE(ran.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a post wakes a loop that sleeps, again and again") {
  bridge b(support::with_each_doorbell());
  for (int i = 0; i < 200; ++i) {
    support::gate ran;
    b.post([ran] { ran.open(); });
    REQUIRE(ran.wait());
  }
}

TEST_CASE(
    "what it captures goes along, also what only moves, and a callable that takes the loop gets "
    "it") {
  bridge b;
  std::string got;
  uv_loop_s* loop_seen = nullptr;
  b.post([&, a = std::string("x"), n = 5] { got = a + std::to_string(n); });
  b.post([&, p = std::make_unique<int>(1)](loop_ref loop) {
    loop_seen = *p == 1 ? loop.get() : nullptr;
  });
  support::catch_up(b);
  CHECK(got == "x5");
  CHECK(loop_seen != nullptr);
}

TEST_CASE("the loop may post to itself; that runs later, in order") {
  bridge b;
  std::vector<int> ran;
  support::gate done;
  b.post([&] {
    b.post([&] {
      ran.push_back(2);
      done.open();
    });
    ran.push_back(1);
  });
  REQUIRE(done.wait());
  CHECK(ran == std::vector{1, 2});
}

TEST_CASE("a callable is destroyed once, on the loop, when it has run") {
  bridge b(support::reporting_to(support::error_log()));
  support::counts counts;
  b.post([t = support::token(counts)] {});
  b.post([t = support::token(counts)] { throw 1; });
  const std::thread::id loop_thread = loop_thread_of(b);
  CHECK(counts.made == 2);
  CHECK(counts.destroyed == 2);
  CHECK(counts.destroyed_on.load() == loop_thread);
}

TEST_CASE("a refused callable is destroyed once, by the thread that posts it") {
  bridge b(support::with_each_doorbell());
  b.stop();
  support::counts counts;
  CHECK_THROWS_AS(b.post([t = support::token(counts)] {}), loopbridge::bridge_stopped);
  CHECK(b.try_post([t = support::token(counts)] {}) == status::bridge_stopped);
  CHECK(counts.made == 2);
  CHECK(counts.destroyed == 2);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
}

TEST_CASE("a callable that cannot be moved in is not posted") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const throws_when_copied f;
  CHECK_THROWS_AS(b.post(f), std::domain_error);
  support::catch_up(b);
  CHECK(log.size() == 0);
}

TEST_CASE("what a posted call throws is reported with its place, and the next one runs") {
  const support::error_log log;
  bridge b(support::reporting_to(log, support::with_each_doorbell()));
  bool next_ran = false;
  b.post([] { throw std::runtime_error("first"); });
  const unsigned line = __LINE__ - 1;
  CHECK(b.try_post([] { throw 3; }) == status::accepted);
  b.post([&] { next_ran = true; });
  support::catch_up(b);
  CHECK(next_ran);
  const auto entries = log.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].what == "first");
  CHECK(entries[0].line == line);
  CHECK(support::holds<int>(entries[1].error));
}

TEST_CASE("what a posted call returns is dropped on the loop") {
  bridge b;
  support::counts counts;
  b.post([&] { return support::token(counts); });
  const std::thread::id loop_thread = loop_thread_of(b);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop_thread);
}

TEST_CASE("try_post runs what it accepts, and throws nothing") {
  bridge b(support::with_each_doorbell());
  static_assert(noexcept(b.try_post([] {})));
  int ran = 0;
  CHECK(b.try_post([&] { ++ran; }) == status::accepted);
  CHECK(b.try_post([&](loop_ref) { ++ran; }) == status::accepted);
  support::catch_up(b);
  CHECK(ran == 2);
}

TEST_CASE("callables of any size are taken") {
  bridge b;
  struct large {
    char bytes[100000] = {};
  };
  auto big = std::make_unique<large>();
  big->bytes[99999] = 'x';
  char seen = 0;
  b.post([&seen, l = *big] { seen = l.bytes[99999]; });
  b.post([&seen, l = *big] { seen = l.bytes[99999]; });
  support::catch_up(b);
  CHECK(seen == 'x');
}

namespace {

template <std::size_t bytes>
struct captures {
  std::array<std::byte, bytes> captured;
  void operator()() const {}
};

}  // namespace

TEST_CASE("a posted call takes a block of 48 bytes, or of 64 if its closure has more than 24") {
  support::counting_memory memory;
  loopbridge::options opts;
  opts.memory = &memory;
  bridge b(opts);
  const support::held_loop held(b);  // so that what is posted stays
  const auto block_for = [&](auto closure) {
    const long before = memory.bytes_in_use();
    b.post(closure);
    const auto size = static_cast<std::size_t>(memory.bytes_in_use() - before);
    return loopbridge::detail::size_of_class(loopbridge::detail::class_of(size));
  };
  CHECK(block_for(captures<8>{}) == 48);
  CHECK(block_for(captures<24>{}) == 48);
  CHECK(block_for(captures<25>{}) == 64);
  CHECK(block_for(captures<40>{}) == 64);
  CHECK(block_for(captures<100>{}) == 128);  // what is larger is seen to be so
}
