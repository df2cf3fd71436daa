// Destructors that run while an exception unwinds the stack, and those of what calls have captured.
#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "every_way.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("destructors during unwinding");

namespace {

using loopbridge::bridge;

/// Submits when it is destroyed.
class submits_at_end {
 public:
  submits_at_end(every_way::target& t, std::string& said) : t_(&t), said_(&said) {}
  submits_at_end(submits_at_end&& other) noexcept
      : t_(std::exchange(other.t_, nullptr)), said_(other.said_) {}
  ~submits_at_end() {
    if (t_ == nullptr) return;
    *said_ = every_way::submit(*t_);
    unwinding = std::uncaught_exceptions();
  }
  submits_at_end& operator=(submits_at_end&&) = delete;

  static inline int unwinding = 0;  ///< how many exceptions the last one was destroyed under

 private:
  every_way::target* t_;
  std::string* said_;
};

/// What `f` throws.
template <class F>
std::string thrown_by(F&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a destructor may submit and wait while an exception unwinds, which then goes on") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  bridge b;
  every_way::target t(b, runs);
  std::string said;
  CHECK(thrown_by([&] {
          const submits_at_end s(t, said);
          throw std::runtime_error("on its way");
        }) == "on its way");
  CHECK(submits_at_end::unwinding == 1);
  CHECK(said == every_way::works);
  support::catch_up(b);
  CHECK(runs == 8);
}

TEST_CASE("a wait during unwinding may end in an exception of its own, caught where it waited") {
  const support::watchdog dog;
  bridge b;
  std::string inner;
  struct waits {
    bridge& b;
    std::string& inner;
    ~waits() {
      inner = thrown_by([&] { b.call([] { throw std::runtime_error("from the loop"); }); });
    }
  };
  CHECK(thrown_by([&] {
          const waits w{b, inner};
          throw std::runtime_error("on its way");
        }) == "on its way");
  CHECK(inner == "from the loop");
}

TEST_CASE("on the loop, the destructors of a call that throws may submit, and must not wait") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  bridge b;
  every_way::target t(b, runs);
  std::string said;
  CHECK(thrown_by([&] {
          b.call([&] {
            const submits_at_end s(t, said);
            throw std::runtime_error("from the loop");
          });
        }) == "from the loop");
  CHECK(submits_at_end::unwinding == 1);
  CHECK(said == every_way::works_without_waiting);
  support::catch_up(b);
  CHECK(runs == 5);
}

TEST_CASE("what a call has captured may submit when the call is over, refused or cancelled") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  bridge b;
  every_way::target t(b, runs);
  std::string said;
  SUBCASE("over: on the loop") {
    b.call_for(support::generous, [s = submits_at_end(t, said)] {});
    support::catch_up(b);
    CHECK(said == every_way::works_without_waiting);
    CHECK(runs == 5);
  }
  SUBCASE("refused: where it was submitted, under the refusal's exception") {
    b.stop();
    CHECK_THROWS_AS(b.post([s = submits_at_end(t, said)] {}), loopbridge::bridge_stopped);
    CHECK(said == every_way::refused);
  }
  SUBCASE("cancelled: where it was cancelled, though the loop is busy") {
    support::held_loop held(b);
    auto answer = b.submit([s = submits_at_end(t, said)] {});
    bridge other;  // a wait for `b` itself would wait for the loop that is held
    every_way::target elsewhere(other, runs);
    auto cancelled = b.submit([s = submits_at_end(elsewhere, said)] {});
    CHECK(cancelled.cancel());
    CHECK(said == every_way::works);
    held.release();
    answer.wait();
    support::catch_up(b);
    CHECK(said == every_way::works_without_waiting);
  }
}

TEST_CASE("handles and bridges that are destroyed by unwinding end as they always do") {
  const support::watchdog dog;
  const support::error_log log;
  std::atomic<int> runs{0};
  std::optional<loopbridge::eventual<int>> broken;
  bridge outer(support::reporting_to(log));
  CHECK(thrown_by([&] {
          bridge b(support::reporting_to(log));
          loopbridge::completer<int> done;
          broken = outer.submit([&] { return done.get_deferred(); });
          support::catch_up(outer);
          loopbridge::reentrant_call fired(b, [&] { ++runs; });
          (void)fired.post();
          for (int i = 0; i < 100; ++i) b.post([&] { ++runs; });
          const auto unread = b.submit([] { throw std::runtime_error("unread"); });
          throw std::runtime_error("on its way");
        }) == "on its way");
  CHECK(runs == 101);  // the bridge's destructor has waited for them
  CHECK_THROWS_AS(broken->get_for(support::generous), loopbridge::broken);
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].what == "unread");
}
