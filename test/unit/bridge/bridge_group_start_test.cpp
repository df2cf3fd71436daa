// How a group begins, or fails to; and in a forked child.
#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "faults/support/failing_calls.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"

TEST_SUITE_BEGIN("bridge_group_start");

using loopbridge::bridge;
using loopbridge::bridge_group;
using loopbridge::status;

namespace {

/// Counts the loops' threads that have ended.
loopbridge::options counting(std::atomic<int>& exits) {
  loopbridge::options opts;
  opts.on_thread_exit = [&exits] { ++exits; };
  return opts;
}

}  // namespace

TEST_CASE("a group of which one loop cannot start leaves nothing behind") {
  {
    const bridge warm;
  }
  for (int failing = 0; failing < 3; ++failing) {
    CAPTURE(failing);
    const auto before = support::resources::in_use();
    std::atomic<int> exits{0};
    int starts = 0;
    auto opts = counting(exits);
    opts.on_thread_start = [&] {
      if (starts++ == failing) throw std::range_error("not this one");
    };
    CHECK_THROWS_AS(bridge_group(3, opts), std::range_error);
    CHECK(starts == failing + 1);
    CHECK(exits == failing);
    CHECK(before.are_back());
  }
}

TEST_CASE("a group that gets no thread, descriptor or loop for the n-th throws, as a bridge does" *
          doctest::skip(support::has_tsan)) {
  {
    const bridge warm;
  }
  for (const char* const call : {"pthread_create", "uv_loop_init"}) {
    for (long failing = 1; failing <= 3; ++failing) {
      CAPTURE(failing);
      const auto before = support::resources::in_use();
      std::atomic<int> exits{0};
      support::calls::fail({call, call[0] == 'p' ? EAGAIN : UV_EMFILE, failing, failing});
      CHECK_THROWS_AS(bridge_group(3, counting(exits)), std::system_error);
      CHECK(support::calls::recover());
      CHECK(exits == failing - 1);
      CHECK(before.are_back());
      CHECK(bridge_group(3).next().call([] { return 5; }) == 5);
    }
  }
}

TEST_CASE("law 10: a forked child's group refuses, can be destroyed, and rings nobody" *
          doctest::skip(!support::children_may_start_threads)) {
  auto group = std::make_unique<bridge_group>(2);
  const auto in_child = [&] {
    for (int i = 0; i < 4; ++i) {
      if (group->next().try_post([] {}) != status::wrong_process) return 1;
    }
    try {
      group->stop();
      return 2;
    } catch (const loopbridge::wrong_process&) {
    }
    group = std::make_unique<bridge_group>(2);
    return group->next().call([] { return 7; }) == 7 ? 0 : 3;
  };
  CHECK(support::in_child(in_child) == 0);
  CHECK(group->next().call([] { return 8; }) == 8);
}
