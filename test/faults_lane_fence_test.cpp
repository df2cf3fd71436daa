// Lanes on systems that cannot fence all threads for the loop, and on those that could.
#include <doctest/doctest.h>

#include <climits>
#include <loopbridge/loopbridge.hpp>

#include "support/failing_calls.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/lane_tools.hpp"
#include "support/sanitizers.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("lane: the kernel's fence" * doctest::skip(!support::children_may_start_threads));

using loopbridge::bridge;

namespace {

/// Enough calls in one pass of the loop's that it would fence for the producer from then on.
template <class F>
void make_traffic(bridge& b, loopbridge::lane& l, F last) {
  const support::held_loop held(b);
  for (int i = 0; i < 1000; ++i) l.post([] {});
  l.post(last);
}

}  // namespace

TEST_CASE("where the system has no such fence, a lane that falls asleep is woken all the same") {
  CHECK(support::in_child([] {
          support::calls::fail({"membarrier", ENOSYS, 1, LONG_MAX});
          bridge b;
          loopbridge::lane l = b.lane();
          make_traffic(b, l, [] {});
          for (int round = 0; round < 10; ++round) {
            support::until_asleep(b);
            support::catch_up(l);
          }
          b.stop();
          return support::calls::recover() ? 0 : 1;
        }) == 0);
}

TEST_CASE("where the system can fence no more, the program ends before a post can be lost") {
  CHECK(support::in_child([] {
          bridge b;
          loopbridge::lane l = b.lane();
          make_traffic(b, l, [] {});  // after which it can be done
          support::catch_up(l);
          make_traffic(b, l, [] { support::calls::fail({"membarrier", EPERM, 1, LONG_MAX}); });
          return support::gate().wait() ? 1 : 2;  // longer than the loop needs to fall asleep
        }) == 300 + SIGABRT);
}
