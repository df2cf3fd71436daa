#include <doctest/doctest.h>

#include <loopbridge/detail/call/outcome.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/here.hpp"

TEST_SUITE_BEGIN("outcome");

namespace {

using loopbridge::status;
using loopbridge::detail::outcome;
using support::holds;

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(throws_when_moved&&) { throw std::domain_error("moved"); }
};

}  // namespace

TEST_CASE("a value can be looked at again and again, and taken once") {
  outcome<std::string> o;
  o.capture([] { return std::string("a value that is too long to be stored inline"); });
  CHECK(o.has_value());
  CHECK(o.error({}) == nullptr);
  CHECK(&o.look({}) == &o.look({}));
  CHECK(o.look({}) == "a value that is too long to be stored inline");
  CHECK(o.take({}) == "a value that is too long to be stored inline");
}

TEST_CASE("a value may be move-only, and is looked at as const") {
  outcome<std::unique_ptr<int>> o;
  o.capture([] { return std::make_unique<int>(7); });
  static_assert(std::is_same_v<decltype(o.look({})), const std::unique_ptr<int>&>);
  CHECK(*o.look({}) == 7);
  const std::unique_ptr<int> taken = o.take({});
  CHECK(*taken == 7);
}

TEST_CASE("a value need be neither default-constructible nor assignable") {
  struct fixed {
    explicit fixed(int n) : number(n) {}
    const int number;
  };
  outcome<fixed> o;
  o.capture([] { return fixed(3); });
  CHECK(o.look({}).number == 3);
  CHECK(o.take({}).number == 3);
}

TEST_CASE("a reference stays that reference") {
  int target = 1;
  outcome<int&> o;
  o.capture([&]() -> int& { return target; });
  static_assert(std::is_same_v<decltype(o.look({})), int&>);
  CHECK(&o.look({}) == &target);
  CHECK(&o.take({}) == &target);
  const int constant = 2;
  outcome<const int&> c;
  c.capture([&]() -> const int& { return constant; });
  CHECK(&c.look({}) == &constant);
}

TEST_CASE("void is a value too") {
  outcome<void> o;
  bool ran = false;
  o.capture([&] { ran = true; });
  CHECK(ran);
  CHECK(o.has_value());
  o.look({});
  o.take({});
}

TEST_CASE("what the callable throws arrives as it was thrown, each time") {
  outcome<int> o;
  o.capture([]() -> int { throw std::out_of_range("thrown"); });
  CHECK_FALSE(o.has_value());
  CHECK_THROWS_WITH_AS(o.look({}), "thrown", std::out_of_range);
  CHECK_THROWS_WITH_AS(o.look({}), "thrown", std::out_of_range);
  CHECK_THROWS_AS(o.take({}), std::out_of_range);
  CHECK(holds<std::out_of_range>(o.error({})));

  outcome<void> not_an_exception;
  not_an_exception.capture([] { throw 5; });
  CHECK_THROWS_AS(not_an_exception.look({}), int);
}

TEST_CASE("a value whose move throws becomes that exception") {
  const auto moved = std::make_unique<throws_when_moved>();
  outcome<throws_when_moved> o;
  o.capture([&] { return std::move(*moved); });
  CHECK_THROWS_AS(o.look({}), std::domain_error);
}

TEST_CASE("a failure becomes an exception when somebody asks, with the place of submission") {
  outcome<int> o;
  o.set(status::cancelled);
  CHECK(o.is(status::cancelled));
  CHECK_FALSE(o.is(status::bridge_stopped));
  CHECK_FALSE(o.has_value());
  CHECK_THROWS_WITH_AS(o.look(support::here), doctest::Contains("here.cpp:7"),
                       loopbridge::cancelled);
  o.set(status::bridge_stopped);
  CHECK_THROWS_AS(o.take({}), loopbridge::bridge_stopped);
  o.set(status::broken);
  CHECK(holds<loopbridge::broken>(o.error({})));
}

TEST_CASE("a value and a thrown exception are no failure of the library's") {
  outcome<int> o;
  o.capture([] { return 1; });
  CHECK_FALSE(o.is(status::broken));
  o.set(std::make_exception_ptr(1));
  CHECK_FALSE(o.is(status::broken));
}

TEST_CASE("an outcome takes over what another one holds") {
  outcome<std::unique_ptr<int>> value, thrown, failed, target;
  value.capture([] { return std::make_unique<int>(9); });
  thrown.set(std::make_exception_ptr(std::runtime_error("x")));
  failed.set(status::bridge_stopped);
  target.take_over(std::move(thrown));
  CHECK_THROWS_AS(target.look({}), std::runtime_error);
  target.take_over(std::move(failed));
  CHECK(target.is(status::bridge_stopped));
  target.take_over(std::move(value));
  CHECK(*target.look({}) == 9);

  int referee = 0;
  outcome<int&> from, to;
  from.capture([&]() -> int& { return referee; });
  to.take_over(std::move(from));
  CHECK(&to.look({}) == &referee);

  outcome<void> nothing, also_nothing;
  nothing.capture([] {});
  also_nothing.take_over(std::move(nothing));
  CHECK(also_nothing.has_value());
}

TEST_CASE("a value is destroyed once, with the outcome or by the caller that takes it") {
  support::counts counts;
  {
    outcome<support::token> o;
    o.capture([&] { return support::token(counts); });
    CHECK(counts.alive() == 1);
  }
  CHECK(counts.alive() == 0);
  {
    outcome<support::token> o;
    o.capture([&] { return support::token(counts); });
    {
      const support::token taken = o.take({});
    }
    CHECK(counts.alive() == 0);
  }
  CHECK(counts.made == 2);
  CHECK(counts.destroyed == 2);
}
