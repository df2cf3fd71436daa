#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("deferred");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::eventual;
using support::generous;
using support::holds;

/// Submits a call that ends with `done`'s deferred, and waits until it does so.
template <class T>
eventual<T> answered_by(bridge& b, completer<T>& done) {
  eventual<T> answer = b.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  support::catch_up(b);
  return answer;
}

}  // namespace

TEST_CASE("a call ends when its completer resolves, on the loop") {
  bridge b(support::with_each_doorbell());
  std::optional<completer<int>> done;
  auto answer = b.submit([&] {
    done.emplace();
    return done->get_deferred();
  });
  support::catch_up(b);
  CHECK_FALSE(answer.ready());
  CHECK(b.call_for(generous, [&] { return done->resolve(42); }));
  CHECK(answer.get_for(generous) == 42);
}

TEST_CASE("a call ends when its completer resolves, on another thread") {
  bridge b(support::with_each_doorbell());
  completer<std::string> done;
  auto answer = answered_by(b, done);
  bool decided = false;
  std::thread resolver([&]() noexcept { decided = done.resolve("from elsewhere"); });
  CHECK(answer.get_for(generous) == "from elsewhere");
  resolver.join();
  CHECK(decided);
}

TEST_CASE("the waiter is released before resolve returns") {
  bridge b;
  completer<int> done;
  const auto answer = answered_by(b, done);
  CHECK(done.resolve(1));
  CHECK(answer.ready());
}

TEST_CASE("a completer may resolve before its deferred is returned") {
  bridge b(support::with_each_doorbell());
  CHECK(b.call_for(generous, [] {
    completer<int> done;
    auto answer = done.get_deferred();
    CHECK(done.resolve(7));
    return answer;
  }) == 7);
}

TEST_CASE("call and call_for wait for the deferred") {
  bridge b;
  const support::watchdog dog;
  completer<int> first, second;
  std::thread resolver([&]() noexcept {
    first.resolve(1);
    second.resolve(2);
  });
  CHECK(b.call([d = first.get_deferred()]() mutable { return std::move(d); }) == 1);
  CHECK(b.call_for(generous, [d = second.get_deferred()]() mutable { return std::move(d); }) == 2);
  resolver.join();
}

TEST_CASE("a deferred may be of nothing, of a reference and of what only moves") {
  bridge b;
  completer<void> nothing;
  const auto no_answer = answered_by(b, nothing);
  CHECK(nothing.resolve());
  CHECK_NOTHROW(no_answer.get_for(generous));

  int target = 0;
  completer<int&> reference;
  const auto referring = answered_by(b, reference);
  CHECK(reference.resolve(target));
  CHECK(&referring.get_for(generous) == &target);

  completer<std::unique_ptr<int>> owner;
  auto owning = answered_by(b, owner);
  CHECK(owner.resolve(std::make_unique<int>(3)));
  CHECK(*std::move(owning).get_for(generous) == 3);
}

TEST_CASE("a value is made of what resolve is given, and the call ends with what that throws") {
  bridge b;
  completer<std::string> made;
  const auto text = answered_by(b, made);
  CHECK(made.resolve(3u, 'x'));
  CHECK(text.get_for(generous) == "xxx");

  struct picky {
    explicit picky(int) { throw std::domain_error("no"); }
  };
  completer<picky> fails;
  const auto failed = answered_by(b, fails);
  CHECK(fails.resolve(1));
  CHECK_THROWS_AS(failed.get_for(generous), std::domain_error);
}

TEST_CASE("a rejected call ends with that exception") {
  bridge b;
  completer<int> by_value, by_pointer;
  const auto first = answered_by(b, by_value);
  const auto second = answered_by(b, by_pointer);
  CHECK(by_value.reject(std::out_of_range("this one")));
  CHECK(by_pointer.reject(std::make_exception_ptr(5)));
  CHECK_THROWS_WITH_AS(first.get_for(generous), "this one", std::out_of_range);
  CHECK_THROWS_AS(second.get_for(generous), int);
}

TEST_CASE("what guarded work throws rejects the call, and what it does not changes nothing") {
  bridge b;
  completer<int> done;
  const auto answer = answered_by(b, done);
  done.guard([] {});
  CHECK_FALSE(answer.ready());
  done.guard([] { throw std::runtime_error("in a callback"); });
  CHECK_THROWS_WITH_AS(answer.get_for(generous), "in a callback", std::runtime_error);
  done.guard([] { throw 1; });  // decided already: nothing to be told
  completer<int> empty(std::move(done));
  done.guard([] { throw 1; });  // moved from: nobody to be told
}

TEST_CASE("a completer that is dropped breaks its call") {
  bridge b(support::with_each_doorbell());
  std::optional<completer<int>> done(std::in_place);
  const auto answer = answered_by(b, *done);
  done.reset();
  CHECK_THROWS_WITH_AS(answer.get_for(generous), doctest::Contains("deferred_test.cpp"),
                       loopbridge::broken);

  completer<int> first, second;
  const auto overwritten = answered_by(b, first);
  first = std::move(second);
  CHECK_THROWS_AS(overwritten.get_for(generous), loopbridge::broken);
}

TEST_CASE("a callable that returns an empty deferred breaks its call") {
  bridge b;
  const auto answer = b.submit([] {
    completer<int> done;
    deferred<int> taken = done.get_deferred();
    deferred<int> moved = std::move(taken);
    CHECK(moved);
    return taken;
  });
  CHECK_THROWS_AS(answer.get_for(generous), loopbridge::broken);
}

TEST_CASE("a callable that throws ends its call with that, whatever its completer does") {
  bridge b;
  completer<int> done;
  const auto answer = b.submit(
      [d = done.get_deferred()]() -> deferred<int> { throw std::runtime_error("did not begin"); });
  CHECK_THROWS_WITH_AS(answer.get_for(generous), "did not begin", std::runtime_error);
  CHECK(done.resolve(1));  // unheard, and harmless
}

TEST_CASE("the second resolve is refused, and makes nothing of its arguments") {
  bridge b;
  completer<std::unique_ptr<int>> done;
  const auto answer = answered_by(b, done);
  CHECK(done.resolve(std::make_unique<int>(1)));
  auto kept = std::make_unique<int>(2);
  CHECK_FALSE(done.resolve(std::move(kept)));
  CHECK(kept != nullptr);
  CHECK_FALSE(done.reject(std::runtime_error("late")));
  CHECK(*answer.get_for(generous) == 1);
}

TEST_CASE("a completer has one deferred, wherever it is moved to") {
  completer<int> done;
  CHECK(done);
  auto taken = done.get_deferred();
  CHECK_THROWS_AS((void)done.get_deferred(), loopbridge::no_state);
  completer<int> constructed(std::move(done));
  CHECK_THROWS_AS((void)constructed.get_deferred(), loopbridge::no_state);
  completer<int> assigned;
  assigned = std::move(constructed);
  CHECK_THROWS_AS((void)assigned.get_deferred(), loopbridge::no_state);
  assigned = completer<int>();
  CHECK(assigned.get_deferred());  // this one's has not been taken
}

TEST_CASE("an empty completer says so") {
  completer<int> done;
  const completer<int> other(std::move(done));
  CHECK_FALSE(done);
  CHECK_THROWS_AS(done.resolve(1), loopbridge::no_state);
  CHECK_THROWS_AS(done.reject(1), loopbridge::no_state);
  CHECK_THROWS_AS((void)done.get_deferred(), loopbridge::no_state);
  CHECK_THROWS_AS(done.on_cancel([] {}), loopbridge::no_state);
  CHECK_THROWS_AS((void)done.is_cancelled(), loopbridge::no_state);
}

TEST_CASE("a completer survives the way through a void pointer") {
  bridge b;
  completer<int> done;
  const auto answer = answered_by(b, done);
  void* const data = done.release();
  CHECK_FALSE(done);
  CHECK_FALSE(answer.ready());
  {
    auto back = completer<int>::from(data);
    CHECK_THROWS_AS((void)back.get_deferred(), loopbridge::no_state);
    CHECK(back.resolve(11));
  }
  CHECK(answer.get_for(generous) == 11);
}

TEST_CASE("resolving is refused, and harmless, once nobody can hear it") {
  const support::error_log log;
  std::optional<bridge> b(std::in_place, support::reporting_to(log, support::with_each_doorbell()));
  completer<int> cancelled, stopped, kept;
  const auto cancelled_answer = answered_by(*b, cancelled);
  CHECK(cancelled_answer.cancel());
  CHECK(cancelled.is_cancelled());
  CHECK_FALSE(cancelled.resolve(1));
  CHECK_THROWS_AS(cancelled_answer.get_for(generous), loopbridge::cancelled);

  const auto stopped_answer = answered_by(*b, stopped);
  {
    const auto dropped = answered_by(*b, kept);
  }
  b.reset();
  CHECK_THROWS_AS(stopped_answer.get_for(generous), loopbridge::bridge_stopped);
  CHECK(stopped.is_cancelled());
  CHECK_FALSE(stopped.resolve(2));
  CHECK_FALSE(kept.reject(std::runtime_error("late")));
  CHECK(log.size() == 1);  // the dropped one, when the bridge stopped
}

TEST_CASE("a late value is destroyed, and a late failure after a timeout reported") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  completer<int> done;
  {
    const auto dropped = answered_by(b, done);
  }
  CHECK(done.reject(std::runtime_error("nobody listens")));
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].what == "nobody listens");
  CHECK(log.entries()[0].file.find("deferred_test.cpp") != std::string::npos);

  support::counts counts;
  completer<support::token> valued;
  {
    const auto dropped = answered_by(b, valued);
  }
  CHECK(valued.resolve(counts));
  support::catch_up(b);
  {
    const completer<support::token> gone(std::move(valued));
  }
  CHECK(counts.made == 1);
  CHECK(counts.alive() == 0);
}
