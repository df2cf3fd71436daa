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
  explicit submits_at_end(every_way::own_target& to) : to_(&to) {}
  submits_at_end(submits_at_end&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
  ~submits_at_end() {
    if (to_ == nullptr) return;
    to_->said = every_way::submit(to_->t);
    unwinding = std::uncaught_exceptions();
  }
  submits_at_end& operator=(submits_at_end&&) = delete;

  static inline int unwinding = 0;  ///< how many exceptions the last one was destroyed under

 private:
  every_way::own_target* to_;
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

/// Does an exception that destroys an AtEnd as it unwinds arrive as it was thrown?
template <class AtEnd, class... Arguments>
bool goes_on_after(Arguments&&... arguments) {
  return thrown_by([&] {
           const AtEnd destroyed{arguments...};
           throw std::runtime_error("on its way");
         }) == "on its way";
}

}  // namespace

TEST_CASE("a destructor may submit and wait while an exception unwinds, which then goes on") {
  const support::watchdog dog;
  every_way::own_target own;
  CHECK(goes_on_after<submits_at_end>(own));
  CHECK(submits_at_end::unwinding == 1);
  CHECK(own.said == every_way::works);
  CHECK(own.has_run() == 8);
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
  CHECK(goes_on_after<waits>(b, inner));
  CHECK(inner == "from the loop");
}

TEST_CASE("on the loop, the destructors of a call that throws may submit, and must not wait") {
  const support::watchdog dog;
  every_way::own_target own;
  CHECK(thrown_by([&] {
          own.bridge.call([&] {
            const submits_at_end s(own);
            throw std::runtime_error("from the loop");
          });
        }) == "from the loop");
  CHECK(submits_at_end::unwinding == 1);
  CHECK(own.said == every_way::works_without_waiting);
  CHECK(own.has_run() == 5);
}

TEST_CASE("what a call has captured may submit when the call is over, refused or cancelled") {
  const support::watchdog dog;
  every_way::own_target own;
  bridge& b = own.bridge;
  SUBCASE("over: on the loop") {
    b.call_for(support::generous, [s = submits_at_end(own)] {});
    CHECK(own.has_run() == 5);
    CHECK(own.said == every_way::works_without_waiting);
  }
  SUBCASE("refused: where it was submitted, under the refusal's exception") {
    b.stop();
    CHECK_THROWS_AS(b.post([s = submits_at_end(own)] {}), loopbridge::bridge_stopped);
    CHECK(own.said == every_way::refused);
  }
  SUBCASE("cancelled: where it was cancelled, though the loop is busy") {
    support::held_loop held(b);
    auto answer = b.submit([s = submits_at_end(own)] {});
    every_way::own_target elsewhere;  // a wait for `b` itself would wait for the loop that is held
    auto cancelled = b.submit([s = submits_at_end(elsewhere)] {});
    CHECK(cancelled.cancel());
    CHECK(elsewhere.said == every_way::works);
    held.release();
    answer.wait();
    support::catch_up(b);
    CHECK(own.said == every_way::works_without_waiting);
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
