// Law 9: a failure that nobody retrieves reaches a hook, with the place where the call was
// submitted. No exception unwinds through libuv: after each of these the loop goes on.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"

TEST_SUITE_BEGIN("law 9: no error is silent");

using loopbridge::bridge;

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(what);
}

loopbridge::options logged_by(const support::error_log& log) {
  loopbridge::options opts = support::reporting_to(log, support::with_each_doorbell());
  opts.name = "reporter";
  return opts;
}

}  // namespace

TEST_CASE("what a posted call throws reaches the hook, with the place where it was posted") {
  const support::error_log log;
  bridge b(logged_by(log));
  const unsigned line = __LINE__ + 1;
  b.post([] { fail("posted"); });
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].what == "posted");
  CHECK(log.entries()[0].file.find("laws/09") != std::string::npos);
  CHECK(log.entries()[0].line == line);
  CHECK(log.entries()[0].bridge == "reporter");
  CHECK(b.call([] { return 1; }) == 1);
}

TEST_CASE("a place that is passed by hand is the one that is named, by every way to submit") {
  const support::error_log log;
  bridge b(logged_by(log));
  using support::here;
  b.post([] { fail("posted"); }, here);
  CHECK(b.try_post([] { fail("tried"); }, here) == loopbridge::status::accepted);
  (void)b.submit([] { fail("submitted"); }, here);
  REQUIRE(log.wait_for(3));
  for (const auto& entry : log.entries()) {
    CHECK(entry.file == "here.cpp");
    CHECK(entry.line == 7);
  }
  const auto never = [] { return loopbridge::completer<int>().get_deferred(); };
  CHECK_THROWS_WITH_AS(b.call(never, here), doctest::Contains("here.cpp:7"), loopbridge::broken);
  CHECK_THROWS_WITH_AS(b.call_for(support::generous, never, here), doctest::Contains("here.cpp:7"),
                       loopbridge::broken);
}

TEST_CASE("so does what handler-side calls and cancel hooks throw") {
  const support::error_log log;
  bridge b(logged_by(log));
  CHECK(b.post_reentrant([] { fail("pool"); }) == loopbridge::status::accepted);
  REQUIRE(log.wait_for(1));
  loopbridge::reentrant_call prepaid(b, [] { fail("prepaid"); });
  CHECK(prepaid.post() == loopbridge::status::accepted);
  REQUIRE(log.wait_for(2));
  loopbridge::completer<int> kept;
  const auto answer = b.submit([&kept] {
    kept.on_cancel([] { fail("hook"); });
    return kept.get_deferred();
  });
  support::catch_up(b);
  CHECK(answer.cancel());
  REQUIRE(log.wait_for(3));
  CHECK(log.entries()[0].what == "pool");
  CHECK(log.entries()[1].what == "prepaid");
  CHECK(log.entries()[2].what == "hook");
  CHECK(b.call([] { return 1; }) == 1);
}

TEST_CASE(
    "a failed call whose handle is dropped unread reaches the hook, once; a read one does not") {
  const support::error_log log;
  bridge b(logged_by(log));
  (void)b.submit([] { fail("dropped before"); });
  REQUIRE(log.wait_for(1));
  {
    const auto dropped_after = b.submit([] { fail("dropped after"); });
    dropped_after.wait();
    CHECK(log.size() == 1);
  }
  REQUIRE(log.size() == 2);
  {
    const auto read = b.submit([] { fail("read"); });
    CHECK_THROWS_WITH(read.get(), "read");
    const auto seen = b.submit([] { fail("seen"); });
    seen.wait();
    CHECK(seen.error() != nullptr);
  }
  CHECK_THROWS_WITH(b.call([] { fail("called"); }), "called");
  support::catch_up(b);
  CHECK(log.size() == 2);
  CHECK(log.entries()[0].what == "dropped before");
  CHECK(log.entries()[1].what == "dropped after");
}

TEST_CASE("a completer that is dropped unresolved ends its call as broken, and says where from") {
  bridge b(support::with_each_doorbell());
  const auto answer = b.submit([] {
    loopbridge::completer<int> done;
    return done.get_deferred();
  });
  CHECK_THROWS_AS(answer.get_for(support::generous), loopbridge::broken);
  CHECK_THROWS_WITH_AS(answer.get(), doctest::Contains("laws/09"), loopbridge::broken);
}

TEST_CASE("posted calls that a stop refuses reach the hook") {
  const support::error_log log;
  bridge b(support::refusing(logged_by(log)));
  loopbridge::reentrant_call prepaid(b, [] {});
  support::stop_while_queued(b, [&] {
    b.post([] {});
    CHECK(b.post_reentrant([] {}) == loopbridge::status::accepted);
    CHECK(prepaid.post() == loopbridge::status::accepted);
  });
  REQUIRE(log.size() == 3);
  for (const auto& entry : log.entries()) {
    CHECK_THROWS_AS(std::rethrow_exception(entry.error), loopbridge::bridge_stopped);
  }
}
