// try_submit, and that nothing whose name begins with try_ ever waits.
#include "loopbridge/submission.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/memory.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("submission");

namespace {

using loopbridge::bridge;
using loopbridge::eventual;
using loopbridge::options;
using loopbridge::status;
using loopbridge::submission;
using support::generous;
using support::with_capacity;

}  // namespace

TEST_CASE("what is accepted comes with its eventual: a value, an exception, a deferred's end") {
  bridge b;
  static_assert(noexcept(b.try_submit([] { return 1; })));
  static_assert(std::is_same_v<decltype(b.try_submit([] { return 1; })), submission<int>>);
  auto one = b.try_submit([n = std::make_unique<int>(1)](loopbridge::loop_ref) { return *n; });
  REQUIRE(one);
  CHECK(one.status() == status::accepted);
  CHECK(one.answer().get_for(generous) == 1);
  eventual<int> taken = std::move(one).answer();
  CHECK(taken.get() == 1);
  auto fails = b.try_submit([]() -> int { throw std::string("no"); });
  CHECK_THROWS_AS(fails.answer().get_for(generous), std::string);
  auto later = b.try_submit([] {
    loopbridge::completer<std::string> c;
    c.resolve("later");
    return c.get_deferred();
  });
  CHECK(later.answer().get_for(generous) == "later");
}

TEST_CASE("what is refused destroys the callable at once, and its answer is the status' error") {
  bridge b;
  b.stop();
  support::counts counts;
  auto refused = b.try_submit([t = support::token(counts)] { return 1; });
  const std::string here = "submission_test.cpp:" + std::to_string(__LINE__ - 1);
  CHECK_FALSE(refused);
  CHECK(refused.status() == status::bridge_stopped);
  CHECK(counts.made == 1);
  CHECK(counts.alive() == 0);
  CHECK_THROWS_WITH_AS((void)refused.answer(), doctest::Contains(here.c_str()),
                       loopbridge::bridge_stopped);
  CHECK_THROWS_AS((void)std::move(refused).answer(), loopbridge::bridge_stopped);
  bridge empty(std::move(b));
  CHECK(b.try_submit([] {}).status() == status::bridge_stopped);  // NOLINT: moved from
}

TEST_CASE("without memory it is exhausted, in a child of wrong_process") {
  support::counting_memory memory;
  options opts;
  opts.memory = &memory;
  bridge b(opts);
  memory.refuse();
  CHECK(b.try_submit([] {}).status() == status::exhausted);
  CHECK(b.call([] { return 1; }) == 1);
  bridge parents;
  CHECK(support::in_child([&] {
          if (parents.try_submit([] {}).status() != status::wrong_process) return 1;
          return parents.try_post([] {}) == status::wrong_process ? 0 : 2;
        }) == 0);
}

TEST_CASE("no try_ waits for room, on no thread, whatever the patience") {
  using std::chrono::nanoseconds;
  const support::watchdog no_hang;
  options opts = with_capacity(1);
  for (const nanoseconds patience : {nanoseconds::max(), nanoseconds(1), nanoseconds(0)}) {
    opts.patience = patience;
    bridge b(opts);
    support::counts counts;
    const auto both = [&] {
      b.post([] {});
      CHECK(b.try_post([t = support::token(counts)] {}) == status::bridge_full);
      CHECK(b.try_submit([t = support::token(counts)] {}).status() == status::bridge_full);
      CHECK(counts.alive() == 0);
    };
    b.call(both);  // on the loop's own
    REQUIRE(support::comes_true([&] { return b.stats().queued == 0; }));
    const support::held_loop held(b);
    both();
    CHECK(counts.made == 4);
    CHECK(b.stats().refused == 4);
  }
}
