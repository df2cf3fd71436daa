// Law 10: every handle stays valid, as a refusal, after the bridge has stopped: no use after free,
// no send on a closed or recycled descriptor, at exit and after fork too.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("law 10: a handle outlives its bridge");

using loopbridge::bridge;
using loopbridge::status;

TEST_CASE("handles of every kind are refusals once their bridge is gone") {
  std::optional<bridge> b(std::in_place, support::with_each_doorbell());
  loopbridge::reentrant_call prepaid(*b, [] {});
  loopbridge::completer<int> kept;
  const auto answered = b->submit([] { return 5; });
  const auto unanswered = b->submit([&kept] { return kept.get_deferred(); });
  answered.wait();
  b.reset();
  CHECK(answered.get() == 5);
  CHECK_THROWS_AS(unanswered.get(), loopbridge::bridge_stopped);
  CHECK_FALSE(unanswered.cancel());
  CHECK_FALSE(kept.resolve(1));
  CHECK(prepaid.post() == status::bridge_stopped);
  CHECK(prepaid.call_for(support::generous) == status::bridge_stopped);
}

TEST_CASE("no late firing writes to a descriptor that was recycled after the bridge went") {
  std::optional<bridge> b(std::in_place);
  loopbridge::reentrant_call prepaid(*b, [] {});
  CHECK(prepaid.call_for(support::generous) == status::answered);
  b.reset();
  // Whatever numbers are free now are taken by descriptors on which a stray write would show.
  std::vector<int> recycled;
  for (int i = 0; i < 32; ++i) recycled.push_back(eventfd(0, EFD_NONBLOCK));
  for (int i = 0; i < 100; ++i) CHECK(prepaid.post() == status::bridge_stopped);
  for (const int fd : recycled) {
    std::uint64_t value = 0;
    CHECK(read(fd, &value, sizeof(value)) == -1);
    ::close(fd);
  }
}

TEST_CASE("in a forked child everything refuses as wrong_process, and the parent is never rung" *
          doctest::skip(support::has_tsan)) {
  bridge b(support::with_each_doorbell());
  loopbridge::reentrant_call prepaid(b, [] {});
  loopbridge::completer<int> kept;
  const auto unanswered = b.submit([&kept] { return kept.get_deferred(); });
  support::catch_up(b);
  const int failed = support::in_child([&] {
    const auto refuses = [](auto&& f) {
      try {
        f();
      } catch (const loopbridge::wrong_process&) {
        return true;
      }
      return false;
    };
    if (!refuses([&] { b.post([] {}); })) return 1;
    if (!refuses([&] { (void)b.submit([] {}); })) return 2;
    if (!refuses([&] { b.call([] {}); })) return 3;
    if (!refuses([&] { b.call_for(support::generous, [] {}); })) return 4;
    if (!refuses([&] { unanswered.get(); })) return 5;
    if (!refuses([&] { b.stop(); })) return 6;
    if (b.try_post([] {}) != status::wrong_process) return 7;
    if (b.post_reentrant([] {}) != status::wrong_process) return 8;
    if (prepaid.post() != status::wrong_process) return 9;
    if (prepaid.call_for(support::generous) != status::wrong_process) return 10;
    if (unanswered.cancel()) return 11;
    b.stop_reentrant();
    return 0;
  });
  CHECK(failed == 0);
  // The parent has noticed nothing: not stopped, and its sleeping loop was not woken.
  CHECK_FALSE(b.stop_requested());
  CHECK(kept.resolve(9));
  CHECK(unanswered.get() == 9);
}

TEST_CASE(
    "in a forked child another bridge takes the parent's place, and the parent notices nothing" *
    doctest::skip(support::has_tsan)) {
  bridge b(support::with_each_doorbell());
  support::catch_up(b);
  CHECK(support::in_child([&] {
          b = bridge();  // ends the parent's bridge here, where that means to forget it
          return b.call([] { return 1; }) == 1 ? 0 : 1;
        }) == 0);
  CHECK_FALSE(b.stop_requested());
  CHECK(b.call([] { return 2; }) == 2);
}

TEST_CASE("a fork does not ring the parent's sleeping loop" * doctest::skip(support::has_tsan)) {
  bridge b;
  const pid_t loop_thread = b.call([] { return gettid(); });
  support::until_asleep(b);
  REQUIRE(support::comes_true([&] { return support::sleeps(loop_thread); }));
  const std::uint64_t sleeps = b.stats().sleeps;
  const int failed = support::in_child([&] {
    (void)b.try_post([] {});
    (void)b.post_reentrant([] {});
    b.stop_reentrant();
    return 0;
  });
  CHECK(failed == 0);
  // A loop that was woken is awake still, or sleeps once more.
  CHECK(support::sleeps(loop_thread));
  CHECK(b.stats().sleeps == sleeps);
}

TEST_CASE("a bridge with static lifetime and calls in flight lets the program exit" *
          doctest::skip(!support::children_may_start_threads)) {
  const int code = support::in_child([] {
    static bridge b;
    static loopbridge::reentrant_call prepaid(b, [] {});
    // Never destroyed: a thread still waits on the one while the program exits.
    static auto& kept = *new loopbridge::completer<int>;
    static auto& never =
        *new loopbridge::eventual<int>(b.submit([] { return kept.get_deferred(); }));
    support::catch_up(b);
    std::thread([]() noexcept {
      try {
        never.get();
      } catch (const loopbridge::bridge_stopped&) {
      }
    }).detach();
    std::atexit([] { (void)prepaid.post(); });
    std::exit(0);  // runs the destructors above, in reverse order, while the loop runs
    return 1;
  });
  CHECK(code == 0);
}
