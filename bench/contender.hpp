#pragma once

#include <concepts>
#include <string_view>

namespace bench {

/// One way to hand calls to a libuv loop in a background thread.
///
/// Every contender is measured through the same call sites, which are templates, so that no
/// contender pays for an indirection that its users would not have.
///
///   C()      starts the loop; returns when calls can be submitted
///   post(f)  runs f on the loop, nobody waits; any thread
///   call(f)  runs f on the loop, waits, returns its result or throws what it threw; any thread
///   ~C()     runs what was submitted, ends the loop and joins its thread
///
/// What a thread posts runs in the order of its posts, before what it calls afterwards.
template <class C>
concept contender = std::default_initializable<C> && requires(C& c, void (*f)(), int (*g)()) {
  { C::name } -> std::convertible_to<std::string_view>;
  c.post(f);
  { c.call(g) } -> std::same_as<int>;
};

}  // namespace bench
