// completer::resolve makes a T of what it is given, and casts nothing; reject takes any exception.
#include <doctest/doctest.h>

#include <any>
#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/patience.hpp"

TEST_SUITE_BEGIN("resolve");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::detail::can_make;
using support::generous;

struct base {
  virtual ~base() = default;
};
struct derived : base {
  int n = 1;
};
struct unrelated {};
struct explicit_one {
  explicit explicit_one(int n) : number(n) {}
  int number;
};
struct converts {
  explicit operator std::string() const { return "explicitly"; }
  operator int() const { return 4; }
};
struct pair_of {
  int first;
  std::string second;
};
struct holds_pointer {
  int* p;
};
enum class closed { a };
enum open { b };

/// What a waiter gets of a T that is resolved with `args`.
template <class T, class... Args>
decltype(auto) resolved(bridge& b, Args&&... args) {
  completer<T> done;
  CHECK(done.resolve(std::forward<Args>(args)...));
  return b.submit([&] { return done.get_deferred(); }).get_for(generous);
}

}  // namespace

TEST_CASE("a value that is no class takes what converts to it implicitly, and no cast") {
  static_assert(can_make<int> && can_make<int, short> && can_make<const int, int&>);
  static_assert(can_make<double, int> && can_make<int, open> && can_make<int, converts>);
  static_assert(can_make<base*, derived*> && can_make<const int*, int*> && can_make<void*, int*>);
  static_assert(can_make<char*, std::nullptr_t> && can_make<void (*)(), void (*)() noexcept>);
  static_assert(!can_make<int*, const int*>, "const is not taken away");
  static_assert(!can_make<derived*, base*>, "a hierarchy is not gone down");
  static_assert(!can_make<std::uintptr_t, int*> && !can_make<char*, std::uintptr_t>);
  static_assert(!can_make<int*, void*> && !can_make<unrelated*, base*> && !can_make<int, int*>);
  static_assert(!can_make<closed, int> && !can_make<open, int> && !can_make<int, closed>);
  static_assert(!can_make<int, int, int> && !can_make<void (*)() noexcept, void (*)()>);
  static_assert(!can_make<int derived::*, void*> && can_make<int derived::*, int derived::*>);
  bridge b;
  derived d;
  CHECK(resolved<base*>(b, &d) == &d);
  CHECK(resolved<int>(b, converts()) == 4);
  CHECK(resolved<int>(b) == 0);
  CHECK(resolved<int*>(b, nullptr) == nullptr);
}

TEST_CASE("a class takes what its constructors take, an aggregate its members") {
  static_assert(can_make<explicit_one, int> && !can_make<explicit_one> &&
                !can_make<explicit_one, std::string>);
  static_assert(can_make<const std::string, const char*> && can_make<std::string, int, char>);
  static_assert(can_make<std::unique_ptr<base>, std::unique_ptr<derived>> &&
                !can_make<std::unique_ptr<derived>, std::unique_ptr<base>>);
  static_assert(can_make<std::unique_ptr<int>, int*> &&
                !can_make<std::unique_ptr<int>, const int*>);
  static_assert(can_make<base, derived&> && !can_make<unrelated, base>);
  static_assert(can_make<pair_of> && can_make<pair_of, int> && can_make<pair_of, pair_of>);
  static_assert(can_make<pair_of, int, const char*> && !can_make<pair_of, int*>);
  static_assert(!can_make<pair_of, double>, "braces do not narrow");
  static_assert(can_make<holds_pointer, int*> && !can_make<holds_pointer, const int*> &&
                !can_make<holds_pointer, long>);
  bridge b;
  CHECK(resolved<explicit_one>(b, 3).number == 3);
  CHECK(resolved<std::string>(b, converts()) == "explicitly");
  CHECK(resolved<const std::string>(b, 2u, 'x') == "xx");
  CHECK(*resolved<std::unique_ptr<int>>(b, new int(5)) == 5);
  CHECK(resolved<pair_of>(b, 1, "two").second == "two");
  CHECK(resolved<pair_of>(b, pair_of{2, "three"}).first == 2);
  CHECK(resolved<std::array<int, 2>>(b, 1, 2)[1] == 2);
  CHECK(resolved<std::vector<int>>(b, 2u, 1).size() == 2);
  CHECK(resolved<std::optional<int>>(b, 3) == 3);
}

TEST_CASE("a reference is bound to what is there, and lasts; void takes nothing") {
  static_assert(can_make<base&, derived&> && can_make<const base&, base&> &&
                can_make<int&, std::reference_wrapper<int>>);
  static_assert(!can_make<int&, const int&> && !can_make<derived&, base&> && !can_make<int&, int>);
  static_assert(!can_make<const int&, int>, "it would refer to what is gone");
  static_assert(!can_make<const double&, int&> && !can_make<const std::string&, const char(&)[2]>);
  static_assert(!can_make<int&> && !can_make<int&, int&, int&>);
  static_assert(can_make<void> && !can_make<void, int>);
  bridge b;
  derived d;
  int n = 1;
  CHECK(&resolved<base&>(b, d) == &d);
  CHECK(&resolved<const int&>(b, n) == &n);
  CHECK(&resolved<int&>(b, std::ref(n)) == &n);
  resolved<void>(b);
}

TEST_CASE("what making the value throws is the result") {
  bridge b;
  completer<std::string> done;
  CHECK(done.resolve(std::string("short"), std::size_t{9}));  // from its 9th character on
  CHECK_THROWS_AS(b.submit([&] { return done.get_deferred(); }).get_for(generous),
                  std::out_of_range);
}

TEST_CASE("rejecting with no exception ends the call as broken, and says so") {
  bridge b;
  const auto rejected = [&](auto&& reject) {
    completer<int> done;
    reject(done);
    auto answer = b.submit([&] { return done.get_deferred(); });
    answer.wait_for(generous);
    CHECK(answer.error() != nullptr);
    CHECK_THROWS_WITH_AS(answer.get_for(generous), doctest::Contains("null std::exception_ptr"),
                         loopbridge::broken);
  };
  rejected([](completer<int>& c) { CHECK(c.reject(std::current_exception())); });
  rejected([](completer<int>& c) { CHECK(c.reject(std::exception_ptr())); });
  rejected([](completer<int>& c) { CHECK(c.reject(nullptr)); });
  completer<int> done;  // after it was attached, too
  const auto answer = b.submit([&] { return done.get_deferred(); });
  b.call([] {});
  CHECK(done.reject(std::exception_ptr()));
  CHECK_THROWS_WITH_AS(answer.get_for(generous), doctest::Contains("resolve_test.cpp"),
                       loopbridge::broken);
  CHECK_FALSE(done.reject(nullptr));  // decided before
}
