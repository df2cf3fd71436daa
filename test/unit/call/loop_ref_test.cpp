// A loop_ref is the loop and nothing else: a callable that does not ask for it does not get it.
#include "loopbridge/loop_ref.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <any>
#include <cstdint>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "support/patience.hpp"

TEST_SUITE_BEGIN("loop_ref");

namespace {

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::status;
using std::placeholders::_1;

template <class To>
constexpr bool becomes =
    std::is_convertible_v<loop_ref, To> || std::is_constructible_v<To, loop_ref>;

struct overloaded {
  std::string operator()(loop_ref) { return "loop"; }
  std::string operator()() { return "nothing"; }
};
struct overloaded_without {
  std::string operator()(void*) { return "pointer"; }
  std::string operator()(bool) { return "bool"; }
  std::string operator()() { return "nothing"; }
};
struct from_anything {
  from_anything() = default;
  template <class T>
  from_anything(const T&) : made(true) {}  // NOLINT: implicit
  bool made = false;
};

}  // namespace

TEST_CASE("it converts to uv_loop_t*, and to nothing else") {
  static_assert(std::is_convertible_v<loop_ref, uv_loop_t*>);
  static_assert(!becomes<bool> && !becomes<void*> && !becomes<const void*> && !becomes<int>);
  static_assert(std::is_convertible_v<loop_ref, const uv_loop_t*>);
  static_assert(!becomes<std::uintptr_t> && !becomes<std::nullptr_t>);
  static_assert(!becomes<std::string> && !becomes<double> && !becomes<uv_handle_t*>);
  bridge b;
  b.call([](loop_ref loop) {
    uv_loop_t* const as_pointer = loop;
    CHECK(as_pointer == loop.get());
    CHECK(uv_loop_alive(loop) != 0);
    uv_idle_t idle;
    CHECK(uv_idle_init(loop, &idle) == 0);
    uv_close(reinterpret_cast<uv_handle_t*>(&idle), nullptr);
    uv_run(loop, UV_RUN_NOWAIT);
  });
}

TEST_CASE(
    "a callable that takes what a pointer or a loop_ref could become gets its own arguments") {
  bridge b;
  const auto set = [](bool on) { return on; };
  CHECK_FALSE(loopbridge::wrap(b, std::bind(set, _1))(false).get());
  CHECK_FALSE(loopbridge::wrap(b, set)(false).get());
  CHECK(b.call([](bool on = true) { return on ? 1 : 2; }) == 1);
  CHECK(b.call([](void* p = nullptr) { return p; }) == nullptr);
  CHECK(b.call([](const void* p = nullptr, int = 0) { return p; }) == nullptr);
  CHECK_FALSE(b.call([](std::any a = {}) { return a.has_value(); }));
  CHECK_FALSE(b.call([](const std::any& a = {}) { return a.has_value(); }));
  CHECK_FALSE(b.call([](std::optional<loop_ref> o = {}) { return o.has_value(); }));
  CHECK(b.call([](std::variant<int, loop_ref> v = 1) { return v.index() == 0; }));
  CHECK_FALSE(b.call([](from_anything a = {}) { return a.made; }));
  CHECK(b.call(overloaded_without()) == "nothing");
  CHECK(loopbridge::wrap(b, [](void* user, int n) { return user == nullptr ? n : 0; })(nullptr, 3)
            .get() == 3);
  CHECK(b.call(std::function<bool(bool)>() == nullptr ? std::function<int()>([] { return 4; })
                                                      : std::function<int()>()) == 4);
  bool on_in_handler = true;
  int count = 0;
  CHECK(b.post_reentrant([p = &on_in_handler](bool on) { *p = on; }, false) == status::accepted);
  CHECK(b.post_reentrant([p = &count](void* = nullptr) { ++*p; }) == status::accepted);
  loopbridge::reentrant_call fired(b, [&](std::uint64_t firings) { count += int(firings); });
  CHECK(fired.post() == status::accepted);
  b.call([] {});
  CHECK_FALSE(on_in_handler);
  CHECK(count == 2);
}

TEST_CASE("a callable that takes a loop_ref, or the pointer, gets it, however it is called") {
  bridge b;
  uv_loop_t* const loop = b.call([](loop_ref l) { return l.get(); });
  CHECK(b.call([](const loop_ref& l) { return l.get(); }) == loop);
  CHECK(b.call([](loop_ref&& l) { return l.get(); }) == loop);
  CHECK(b.call([](uv_loop_t* l) { return l; }) == loop);
  CHECK(b.call(uv_loop_alive) != 0);
  CHECK(b.call([](loop_ref l) noexcept { return l.get(); }) == loop);
  CHECK(b.call([n = 0](loop_ref l) mutable { return ++n == 1 ? l.get() : nullptr; }) == loop);
  CHECK(b.call([](auto l) { return l.get(); }) == loop);
  CHECK(b.call([](auto&&... l) { return (l.get(), ...); }) == loop);
  CHECK(b.call([](std::same_as<loop_ref> auto l) { return l.get(); }) == loop);
  CHECK(b.call(std::bind([](loop_ref l) { return l.get(); }, _1)) == loop);
  CHECK(b.call(std::function<uv_loop_t*(loop_ref)>([](loop_ref l) { return l.get(); })) == loop);
  CHECK(b.call(overloaded()) == "loop");
  auto named = [](loop_ref l, int n) { return n == 1 ? l.get() : nullptr; };
  CHECK(loopbridge::wrap(b, named)(1).get() == loop);
  CHECK(loopbridge::wrap(b, std::ref(named))(1).get() == loop);
  CHECK(loopbridge::wrap(b, +named)(1).get() == loop);
  CHECK(b.call(&loop_ref::get) == loop);
  struct last_words {
    uv_loop_t* operator()(loop_ref l) && { return l.get(); }
  };
  CHECK(b.call(last_words()) == loop);
}
