// options::memory, and a completer's own.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <optional>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/memory.hpp"

TEST_SUITE_BEGIN("options: memory");

using loopbridge::bridge;
using loopbridge::options;
using support::generous;

TEST_CASE("calls live in the memory that was given, and all of it comes back") {
  support::counting_memory memory;
  options opts = support::with_each_doorbell();
  opts.memory = &memory;
  std::optional<bridge> b(std::in_place, opts);
  const auto takes_block = [&](auto&& use) {
    const int before = memory.allocations();
    use();
    return memory.allocations() - before;
  };
  CHECK(takes_block([&] { b->post([] {}); }) == 1);
  CHECK(takes_block([&] { CHECK(b->try_post([] {}) == loopbridge::status::accepted); }) == 1);
  CHECK(takes_block([&] { CHECK(b->submit([] { return 1; }).get_for(generous) == 1); }) == 1);
  CHECK(takes_block([&] { b->call_for(generous, [] {}); }) == 1);
  CHECK(takes_block([&] { b->call([] {}); }) == 0);  // lives on the stack
  CHECK(takes_block([&] {
          loopbridge::reentrant_call fires(*b, [] {});
          CHECK(fires.post() == loopbridge::status::accepted);
        }) == 1);
  auto outlives = b->submit([] { return 2; });
  b.reset();
  CHECK(memory.bytes_in_use() > 0);
  CHECK(std::move(outlives).get_for(generous) == 2);
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("the slots for handlers are in the memory that was given, and need none of it later") {
  support::counting_memory memory;
  {
    bridge b(options{.memory = &memory});
    CHECK(memory.bytes_in_use() >= long{256 * loopbridge::detail::reentrant_post::capacity});
    const int before = memory.allocations();
    for (int i = 0; i < 100; ++i) CHECK(b.post_reentrant([] {}) == loopbridge::status::accepted);
    CHECK(memory.allocations() == before);
  }
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("a completer and its hook live in the memory that it was given") {
  support::counting_memory memory;
  bridge b;
  {
    loopbridge::completer<int> done(&memory);
    CHECK(memory.allocations() == 1);
    const auto answer = b.submit([&] {
      done.on_cancel([] {});
      return done.get_deferred();
    });
    support::catch_up(b);
    CHECK(memory.allocations() == 2);
    CHECK(done.resolve(3));
    CHECK(answer.get_for(generous) == 3);
  }
  support::catch_up(b);  // where the hook is destroyed
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("memory that has none left refuses the call, which runs nothing") {
  support::counting_memory memory;
  bridge b(options{.memory = &memory});
  support::counts counts;
  bool ran = false;
  memory.refuse();
  const auto f = [&] { return [&ran, t = support::token(counts)] { ran = true; }; };
  CHECK_THROWS_AS(b.post(f()), std::bad_alloc);
  CHECK_THROWS_AS((void)b.submit(f()), std::bad_alloc);
  CHECK_THROWS_AS(b.call_for(generous, f()), std::bad_alloc);
  CHECK_THROWS_AS(loopbridge::reentrant_call(b, [] {}), std::bad_alloc);
  CHECK(b.try_post([t = support::token(counts)] {}) == loopbridge::status::exhausted);
  CHECK(b.call([] { return 1; }) == 1);
  CHECK_FALSE(ran);
  CHECK(counts.alive() == 0);
}
