// Lua 5.4: __gc metamethods run in the middle of any allocation of the interpreter's, and all that
// are left run in lua_close. Its states are not shared by threads, so the loop has one of its own.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>
#include <vector>

#include "lua_state.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("finalizers of Lua");

namespace {

using finalizers::subject;
using lua::open;
using lua::state;

void run(const state& lua, const std::string& code) {
  const bool failed = luaL_dostring(lua.get(), code.c_str());
  const char* const message = failed ? lua_tostring(lua.get(), -1) : "";
  INFO(std::string(message));
  REQUIRE_FALSE(failed);
}
lua_Integer number(const state& lua, const char* name) {
  lua_getglobal(lua.get(), name);
  const lua_Integer n = lua_tointeger(lua.get(), -1);
  lua_pop(lua.get(), 1);
  return n;
}

constexpr int objects = 30000;

/// Defines `object(id)`, whose finalizer calls `function` and counts what that says, by name.
std::string objects_that(const std::string& function) {
  return "accepted, answered, exhausted, bridge_stopped = 0, 0, 0, 0; kept = {}\n"
         "local finalized = {__gc = function(o)\n"
         "  local s = " +
         function +
         "(o.id); _G[s] = _G[s] + 1\n"
         "  if s == 'exhausted' then kept[#kept + 1] = o end\n"
         "end}\n"
         "function object(id) return setmetatable({id = id}, finalized) end\n";
}

const std::string make_all = "for id = 1, " + std::to_string(objects) + " do object(id) end ";

}  // namespace

TEST_CASE("30,000 finalizers submit while Lua allocates, and each is heard of once") {
  const support::watchdog dog;
  subject s(objects);
  const state lua = open(s);
  SUBCASE("post") {
    run(lua, objects_that("post") + make_all + "during = accepted; collectgarbage()");
    support::catch_up(s.bridge);
    CHECK(s.heard_of(1) == objects);
  }
  SUBCASE("a prepaid call") {
    run(lua, objects_that("fire") + make_all + "during = accepted; collectgarbage()");
    support::catch_up(s.bridge);
    CHECK(s.firings == objects);
  }
  CHECK(number(lua, "during") > objects / 2);  // the rest in the full collection
  CHECK(number(lua, "accepted") == objects);
}

TEST_CASE("a finalizer that finds the pool exhausted keeps its object, and none is lost") {
  const support::watchdog dog;
  subject s(objects, loopbridge::options{.reentrant_slots = 64});
  const state lua = open(s);
  {
    const support::held_loop held(s.bridge);
    run(lua, objects_that("post_reentrant") + make_all + "collectgarbage()");
    CHECK(number(lua, "accepted") == 64);
    CHECK(number(lua, "exhausted") == objects - 64);
  }
  // A finalizer runs once; so the program sees to those that it kept.
  run(lua, R"(
    for _, o in ipairs(kept) do
      while post_reentrant(o.id) ~= 'accepted' do twice(1) end
    end)");
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == objects);
}

TEST_CASE("finalizers submit, and wait, while lua_close runs those that are left") {
  const support::watchdog dog;
  subject s(objects);
  const std::string keep_all = "alive = {} for id = 1, 30000 do alive[id] = object(id) end";
  SUBCASE("post") {
    run(open(s), objects_that("post") + keep_all);
    support::catch_up(s.bridge);
    CHECK(s.heard_of(1) == objects);
  }
  SUBCASE("a prepaid call") {
    run(open(s), objects_that("fire") + keep_all);
    support::catch_up(s.bridge);
    CHECK(s.firings == objects);
  }
  SUBCASE("a wait for a prepaid call") {
    run(open(s),
        objects_that("fire_and_wait") + "for id = 1, 500 do alive = {object(id), alive} end");
    CHECK(s.bridge.call([&] { return s.firings; }) == 500);
  }
  SUBCASE("an ordinary call") {
    run(open(s),
        "for id = 1, 500 do\n"
        "  alive = {setmetatable({}, {__gc = function() post(twice(id)) end}), alive}\n"
        "end");
    support::catch_up(s.bridge);
    CHECK(s.heard_of(1) == 500);
  }
}

TEST_CASE("once the bridge has stopped, finalizers are refused and nothing runs") {
  const support::watchdog dog;
  subject s(objects);
  state lua = open(s);
  run(lua, objects_that("post") + "for id = 1, 1000 do alive = {object(id), alive} end");
  s.bridge.stop();
  run(lua, "alive = nil; collectgarbage()");
  CHECK(number(lua, "bridge_stopped") == 1000);
  run(lua, "ok, message = pcall(twice, 1); assert(not ok and message:find('stopped'), message)");
  lua.reset();
  CHECK(s.heard_of(0) == objects);
}

TEST_CASE("a Lua function may wait, and what the call throws is an error of Lua's") {
  const support::watchdog dog;
  subject s(1);
  const state lua = open(s);
  run(lua, R"(
    for n = 1, 200 do assert(twice(n) == 2 * n) end
    local ok, message = pcall(twice, -1)
    assert(not ok and message:find('less than nothing'), message))");
}

TEST_CASE("handles may be the collector's: dropping them waits for nothing and loses nothing") {
  const support::watchdog dog;
  support::error_log log;
  subject s(objects, support::reporting_to(log));
  {
    const state lua = open(s);
    run(lua, "assert(get(submit(1)) == 1)");
    const support::held_loop held(s.bridge);  // so none of them is answered when it is dropped
    run(lua, "for id = 2, 30000 do last = submit(id) end collectgarbage()");
  }
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == objects);
  CHECK(log.size() == 0);
}

TEST_CASE("the loop owns a state: threads use it by calls, finalizers submit from the loop") {
  const support::watchdog dog;
  subject s(objects);
  state lua;  // the loop's
  s.bridge.call([&] {
    lua = open(s);
    run(lua, objects_that("post") + R"(
      next_id, refused = 1, 0
      waits = {__gc = function()
        local ok, message = pcall(twice, 1)
        if not ok and message:find('own loop thread') then refused = refused + 1 end
      end}
      function work(n)
        for _ = 1, n do object(next_id); next_id = next_id + 1 end
        setmetatable({}, waits)
        return next_id
      end)");
  });
  constexpr int threads = 3, rounds = 100, each = objects / threads / rounds;
  std::vector<std::thread> users;
  for (int t = 0; t < threads; ++t) {
    users.emplace_back([&]() noexcept {
      for (int i = 0; i < rounds; ++i) {
        s.bridge.call([&] { run(lua, "work(" + std::to_string(each) + ")"); });
      }
    });
  }
  for (std::thread& u : users) u.join();
  s.bridge.call([&] {
    run(lua, "collectgarbage()");
    CHECK(number(lua, "accepted") == objects);
    CHECK(number(lua, "refused") == threads * rounds);
    lua.reset();
  });
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == objects);
}
