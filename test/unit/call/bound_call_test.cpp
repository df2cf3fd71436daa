#include <doctest/doctest.h>

#include <functional>
#include <loopbridge/detail/call/bound_call.hpp>
#include <loopbridge/results/deferred.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"

TEST_SUITE_BEGIN("bound_call");

namespace {

using loopbridge::loop_ref;
using loopbridge::detail::answer_t;
using loopbridge::detail::bound_call_of;
using loopbridge::detail::invoke_with_loop;
using loopbridge::detail::manual_lifetime;

uv_loop_s* const some_loop = reinterpret_cast<uv_loop_s*>(0x1000);

template <class F>
decltype(auto) bind_and_call(F&& f) {
  bound_call_of<F> call(std::forward<F>(f));
  return call(loop_ref(some_loop));
}

template <class F, class... Args>
decltype(auto) call_with(F&& f, Args&&... args) {
  return invoke_with_loop(std::forward<F>(f), loop_ref(some_loop), std::forward<Args>(args)...);
}

int twice(int n) {
  return 2 * n;
}

struct counter {
  long add(long n) { return total += n; }
  long total = 0;
};

}  // namespace

TEST_CASE("the loop comes first, for callables that take it") {
  CHECK(bind_and_call([](loop_ref loop) { return loop.get(); }) == some_loop);
  CHECK(bind_and_call([](uv_loop_s* loop) { return loop; }) == some_loop);
  CHECK(call_with([](loop_ref loop, int n) { return loop.get() == some_loop ? n : 0; }, 3) == 3);
}

TEST_CASE("callables that do not take it get their arguments alone") {
  CHECK(bind_and_call([] { return 1; }) == 1);
  CHECK(call_with([](int a, int b) { return a - b; }, 5, 3) == 2);
}

TEST_CASE("functions, members and std::function are callables") {
  CHECK(call_with(twice, 4) == 8);
  CHECK(call_with(&twice, 5) == 10);
  counter c;
  CHECK(call_with(&counter::add, &c, 2) == 2);
  CHECK(call_with(&counter::add, std::ref(c), 2) == 4);
  CHECK(call_with(&counter::total, &c) == 4);
  CHECK(call_with(std::function<int(int)>(twice), 1) == 2);
}

TEST_CASE("a callable may be move-only, and is called as an rvalue") {
  CHECK(*bind_and_call([p = std::make_unique<int>(1)]() mutable { return std::move(p); }) == 1);
  CHECK(*call_with([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(2)) == 2);
  struct once {
    int operator()() && { return 3; }
  };
  CHECK(bind_and_call(once{}) == 3);
}

TEST_CASE("the result keeps its kind") {
  int target = 0;
  static_assert(std::is_same_v<decltype(bind_and_call([&]() -> int& { return target; })), int&>);
  CHECK(&bind_and_call([&]() -> int& { return target; }) == &target);
  static_assert(std::is_void_v<decltype(bind_and_call([] {}))>);
}

TEST_CASE("a waiter gets the T of a deferred<T>, and everything else as it is") {
  const auto deferring = []() -> loopbridge::deferred<int> { throw 1; };
  static_assert(std::is_same_v<answer_t<bound_call_of<decltype(deferring)>>, int>);
  const auto plain = [] { return std::string(); };
  static_assert(std::is_same_v<answer_t<bound_call_of<decltype(plain)>>, std::string>);
  const auto constant = []() -> const std::string { return {}; };
  static_assert(std::is_same_v<answer_t<bound_call_of<decltype(constant)>>, std::string>);
}

TEST_CASE("what a call holds is destroyed with it") {
  support::counts counts;
  {
    auto f = [held = support::token(counts)] {};
    bound_call_of<decltype(f)> call(std::move(f));
    CHECK(counts.alive() == 1);
    call(loop_ref(some_loop));
    CHECK(counts.alive() == 1);
  }
  CHECK(counts.alive() == 0);
}

TEST_CASE("an object that is held until it is destroyed is not destroyed by its holder") {
  support::counts counts;
  {
    manual_lifetime<support::token> held(std::in_place, counts);
    held.destroy();
    CHECK(counts.destroyed == 1);
  }
  CHECK(counts.destroyed == 1);
}
