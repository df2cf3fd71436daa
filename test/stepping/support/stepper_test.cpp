// The stepping itself, by trap flag and breakpoints and by ptrace: it comes to every boundary,
// once, and leaves the operation as it was. And the second opinion: ptrace finds what the others
// find.
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <loopbridge/loopbridge.hpp>
#include <set>
#include <utility>

#include "step_matrix.hpp"

TEST_SUITE_BEGIN("stepper");

using namespace stepping;

namespace {

/// Chooses a way to step for one test case.
class by {
 public:
  explicit by(way w) : before_(chosen_way()) { choose(w); }
  ~by() { choose(before_); }
  by(const by&) = delete;
  by& operator=(const by&) = delete;

 private:
  const way before_;
};

constexpr way ways[] = {way::trap_flag, way::ptrace};
const auto never = [] { return false; };

/// Ten steps that can be told apart, with a system call in the middle.
class counted_steps {
 public:
  [[gnu::noinline]] void operator()() {
    for (int i = 0; i < 5; ++i) count_ = count_ + 1;
    syscall(SYS_getppid);
    for (int i = 0; i < 5; ++i) count_ = count_ + 1;
  }
  void reset() { count_ = 0; }
  int count() const { return count_; }

 private:
  volatile int count_ = 0;
};

}  // namespace

TEST_CASE("a handler runs once at each boundary, and the operation goes on as if nothing was" *
          doctest::skip(!available)) {
  for (const way w : ways) {
    const by chosen(w);
    counted_steps steps;
    std::set<int> seen;
    report r;
    const auto visit = [&](const boundary& at) {
      steps.reset();
      int runs = 0;
      const bool visited = interrupt_at(at, steps, [&] {
        ++runs;
        seen.insert(steps.count());
      });
      CHECK(runs == (visited ? 1 : 0));
      if (visited) ++r.points;
      return visited;
    };
    const path way = path_of(steps);
    for_each_boundary(r, way, {}, visit, never);
    CHECK(r.points > 40);
    CHECK(seen == std::set<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    steps.reset();
    CHECK_FALSE(interrupt_at({.number = longest_stepped}, steps, [] {}));
    CHECK(steps.count() == 10);
  }
}

TEST_CASE("of the boundaries that the trap flag skips, a breakpoint stops at each" *
          doctest::skip(!available)) {
  const by chosen(way::trap_flag);
  if (chosen_way() != way::trap_flag) return;
  counted_steps steps;
  unsigned skipped = 0;
  for (const boundary& at : path_of(steps)) {
    if (at.number != 0) continue;
    ++skipped;
    int runs = 0;
    const bool visited = interrupt_at(at, steps, [&] { ++runs; });
    // Where the kernel lends no breakpoint it cannot be visited, and is not said to have been.
    CHECK(runs == (visited ? 1 : 0));
  }
  CHECK(skipped == 1);
}

TEST_CASE("a handler may be interrupted in turn" * doctest::skip(!available)) {
  for (const way w : ways) {
    const by chosen(w);
    counted_steps steps;
    counted_steps nested_steps;
    std::set<std::pair<int, int>> seen;
    for (unsigned k = 1; k < 90; k += 5) {
      for (unsigned j = 1; j < 90; j += 9) {
        steps.reset();
        nested_steps.reset();
        (void)interrupt_at({.number = k}, steps, [&] {
          (void)interrupt_at({.number = j}, nested_steps,
                             [&] { seen.emplace(steps.count(), nested_steps.count()); });
        });
        REQUIRE(steps.count() == 10);
        REQUIRE((nested_steps.count() == 10 || nested_steps.count() == 0));
      }
    }
    CHECK(seen.size() > 8);
  }
}

TEST_CASE("asked of ptrace: post() may be interrupted anywhere by a handler that waits" *
          doctest::skip(!available)) {
  const by chosen(way::ptrace);
  step_through({.name = "by ptrace: post",
                .run =
                    [](stepped_bridge& s) {
                      s.bridge->post([&s] { ++s.outer.ran; });
                      s.outer.expect(1);
                    },
                .states = {loop_is::asleep},
                .needs_waiting_handlers = true},
               {&submits_and_waits});
}
