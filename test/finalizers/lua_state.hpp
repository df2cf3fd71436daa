#pragma once

#include <loopbridge/loopbridge.hpp>
#include <lua.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "subject.hpp"
#include "support/patience.hpp"

/// A Lua state whose code reaches a bridge: what the tests of Lua's finalizers run in.
namespace lua {

using finalizers::subject;
using loopbridge::status;

inline subject& subject_of(lua_State* l) {
  return **static_cast<subject**>(lua_getextraspace(l));
}

inline int push(lua_State* l, status s) {
  lua_pushstring(l, to_string(s));
  return 1;
}
inline std::size_t id_at(lua_State* l, int index) {
  return static_cast<std::size_t>(luaL_checkinteger(l, index));
}

inline int post(lua_State* l) {
  return push(l, subject_of(l).post(id_at(l, 1)));
}
inline int post_reentrant(lua_State* l) {
  return push(l, subject_of(l).post_reentrant(id_at(l, 1)));
}
inline int fire(lua_State* l) {
  return push(l, subject_of(l).call.post());
}
inline int fire_and_wait(lua_State* l) {
  return push(l, subject_of(l).call.call_for(support::generous));
}
inline int twice(lua_State* l) {  // waits for the loop
  subject& s = subject_of(l);
  const auto n = luaL_checkinteger(l, 1);
  lua_pushinteger(l, s.bridge.call([n] {
    if (n < 0) throw std::domain_error("less than nothing");
    return 2 * n;
  }));
  return 1;
}

// A handle in the collector's hands: an eventual as a userdata, whose __gc drops it.
using answer = loopbridge::eventual<std::size_t>;
inline int submit(lua_State* l) {
  subject& s = subject_of(l);
  const std::size_t id = id_at(l, 1);
  auto* const made = ::new (lua_newuserdatauv(l, sizeof(answer), 0)) answer;
  luaL_setmetatable(l, "answer");
  *made = s.bridge.submit([&s, id] {
    s.hear(id);
    return id;
  });
  return 1;
}
inline int drop(lua_State* l) {
  static_cast<answer*>(luaL_checkudata(l, 1, "answer"))->~answer();
  return 0;
}
inline int get(lua_State* l) {
  const auto& a = *static_cast<answer*>(luaL_checkudata(l, 1, "answer"));
  lua_pushinteger(l, static_cast<lua_Integer>(a.get_for(support::generous)));
  return 1;
}

/// No C++ exception may pass through Lua, and no lua_error, which is a longjmp, past a destructor.
template <lua_CFunction Function>
int guarded(lua_State* l) {
  char message[200] = {};
  try {
    return Function(l);
  } catch (const std::exception& e) {
    std::string(e.what()).copy(message, sizeof(message) - 1);
  }
  return luaL_error(l, "%s", message);
}

struct close_state {
  void operator()(lua_State* l) const { lua_close(l); }
};
using state = std::unique_ptr<lua_State, close_state>;

inline state open(subject& s) {
  state made(luaL_newstate());
  lua_State* const l = made.get();
  *static_cast<subject**>(lua_getextraspace(l)) = &s;
  luaL_openlibs(l);
  lua_register(l, "post", guarded<post>);
  lua_register(l, "post_reentrant", guarded<post_reentrant>);
  lua_register(l, "fire", guarded<fire>);
  lua_register(l, "fire_and_wait", guarded<fire_and_wait>);
  lua_register(l, "twice", guarded<twice>);
  lua_register(l, "submit", guarded<submit>);
  lua_register(l, "get", guarded<get>);
  luaL_newmetatable(l, "answer");
  lua_pushcfunction(l, drop);
  lua_setfield(l, -2, "__gc");
  lua_pop(l, 1);
  return made;
}

}  // namespace lua
