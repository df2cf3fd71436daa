// A lane's posts, interrupted at every instruction by a handler that posts to the same lane,
// submits to the bridge, waits there, or stops it; with the lane empty or full, with and without
// its own fence, the loop asleep or held.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>

#include "support/held_loop.hpp"
#include "support/lane_access.hpp"
#include "support/lane_tools.hpp"
#include "support/sweep.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("stepping: lane");

using loopbridge::bridge;
using loopbridge::full_lane;
using loopbridge::lane;
using loopbridge::status;
using namespace stepping;

namespace {

enum class handler { posts_to_the_lane, submits, submits_and_waits, stops };
const char* name_of(handler h) {
  switch (h) {
    case handler::posts_to_the_lane:
      return "posts to the lane";
    case handler::submits:
      return "submits";
    case handler::submits_and_waits:
      return "submits and waits";
    case handler::stops:
      return "stops";
  }
  return "";
}

/// What a scenario is made of.
struct kind {
  const char* name;
  bool loud = false;    ///< the producer leaves its fence to the loop
  bool full = false;    ///< the lane spills
  bool asleep = false;  ///< the loop; else it is held until the operation is over
};

/// One bridge with a lane, on which a post is interrupted again and again.
class stepped_lane {
 public:
  explicit stepped_lane(const kind& k)
      : kind_(k),
        bridge_(loopbridge::options{
            .spin = loopbridge::spinning::off,
            .on_unhandled_error = [this](const loopbridge::unhandled_error&) { ++reported_; }}) {
    settle();
  }

  bool visit(const boundary& at, handler h, report& r) {
    bool visited = false;
    once(
        h,
        [&](const std::function<void()>& operation, const std::function<void()>& nested) {
          visited = interrupt_at(at, operation, nested);
        },
        r);
    if (visited) ++r.points;
    return visited;
  }
  path way() {
    report unused;
    once(
        handler::submits,
        [](const std::function<void()>& operation, const std::function<void()>&) {
          note(operation);
        },
        unused);
    return recorded();
  }

 private:
  using call = std::function<void()>;
  /// Not a template: the way that was noted and the operation that is stepped are the same code.
  void once(handler h, const std::function<void(const call&, const call&)>& step, report& r) {
    expect_progress("a lane");
    std::optional<support::held_loop> held;
    if (!kind_.asleep && h != handler::submits_and_waits) held.emplace(bridge_);
    if (kind_.full) fill();
    if (kind_.loud) {
      loopbridge::lane_access::state(*lane_).ring.note_traffic(1000);
    }
    if (kind_.asleep) support::until_asleep(bridge_);
    ran_ = nested_ran_ = reported_ = 0;
    status posted = status::timed_out;
    status told = status::timed_out;
    step([&] { posted = lane_->try_post([this] { ++ran_; }); }, [&] { told = handle(h); });
    held.reset();
    if (h == handler::stops && told == status::accepted) {
      bridge_.stop();
    } else {
      settle();
    }
    const bool runs = posted == status::accepted;
    if (!runs && h != handler::stops) ++r.refused;
    judge(r, ran_ + (bridge_.stopped() ? reported_.load() : 0), runs ? 1 : 0);
    const bool nested_runs =
        h != handler::stops && (told == status::accepted || told == status::answered);
    if (!bridge_.stopped()) judge(r, nested_ran_, nested_runs ? 1 : 0);
    if (told == status::timed_out && h == handler::submits_and_waits && handled_) ++r.hung;
    handled_ = false;
  }

  status handle(handler h) {
    handled_ = true;
    switch (h) {
      case handler::posts_to_the_lane:
        return lane_->post_reentrant([this] { ++nested_ran_; });
      case handler::submits:
        return bridge_.post_reentrant([this] { ++nested_ran_; });
      case handler::submits_and_waits:
        return fired_.call_for(support::generous);
      case handler::stops:
        bridge_.stop_reentrant();
        return status::accepted;
    }
    return status::stopped;
  }

  static void judge(report& r, int ran, int wanted) {
    if (ran < wanted) ++r.lost;
    if (ran > wanted) ++r.doubled;
  }

  /// So that the next one spills.
  void fill() {
    for (int i = 0; i < support::lane_capacity; ++i)
      REQUIRE(lane_->try_post([] {}) == status::accepted);
  }

  /// Until all that was accepted has run.
  void settle() {
    // The list first: what spilled. Then what the lane has.
    REQUIRE_NOTHROW(bridge_.call_for(support::generous, [] {}));
    lane* const l = &*lane_;
    support::gate ran;
    REQUIRE(support::comes_true(
        [&] { return l->try_post([&ran] { ran.open(); }) != status::exhausted; }));
    REQUIRE(ran.wait());
    REQUIRE_NOTHROW(bridge_.call_for(support::generous, [] {}));
  }

  const kind kind_;
  std::atomic<int> ran_{0};
  std::atomic<int> nested_ran_{0};
  std::atomic<int> reported_{0};
  bool handled_ = false;
  bridge bridge_;
  std::optional<lane> lane_{bridge_.lane(full_lane::spill)};
  loopbridge::reentrant_call fired_{
      bridge_, [this](std::uint64_t n) { nested_ran_ += static_cast<int>(n); }};
};

constexpr kind kinds[] = {
    {.name = "with a fence, loop asleep", .asleep = true},
    {.name = "without a fence, loop asleep", .loud = true, .asleep = true},
    {.name = "with a fence, loop held"},
    {.name = "without a fence, loop held", .loud = true},
    {.name = "full, loop held", .full = true},
};

}  // namespace

TEST_CASE("a lane's post may be interrupted anywhere" * doctest::skip(!available)) {
  for (const kind& k : kinds) {
    std::optional<stepped_lane> stepped(std::in_place, k);
    stepped->way();  // first uses
    const path way = stepped->way();
    for (const handler h : {handler::posts_to_the_lane, handler::submits,
                            handler::submits_and_waits, handler::stops}) {
      report r;
      const auto visit = [&](const boundary& at) {
        if (h == handler::stops) stepped.emplace(k);
        return stepped->visit(at, h, r);
      };
      for_each_boundary(r, way, {}, visit, [&] { return r.hung >= 3; });
      stepped.emplace(k);
      const std::string name = std::string("lane::try_post, ") + k.name + ", handler " + name_of(h);
      print(name, r);
      CAPTURE(name);
      CHECK(r.clean());
      CHECK(r.refused == 0);
    }
  }
}
