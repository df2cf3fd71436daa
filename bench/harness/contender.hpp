#pragma once

#include <concepts>
#include <string_view>

namespace bench {

/// What a contender is in the table.
enum class role {
  floor,     ///< the least that any design of its kind can cost: two threads and nothing else
  baseline,  ///< naive: what ratios are to
  ours,
  peer,
};

/// One way to hand calls to an event loop in a background thread.
///
/// Every contender is measured through the same call sites, which are templates, so that none pays
/// for an indirection that its users would not have.
///
///   C()      starts the loop; returns when calls can be submitted
///   call(f)  runs f on the loop, waits, returns its result; any thread
///   ~C()     runs what was submitted, ends the loop and joins its thread
///
/// What not all of them have is asked for by the concepts below, and what needs it is not measured
/// where it is missing:
///
///   post(f)      runs f on the loop, nobody waits; any thread
///   producer()   what one thread posts through, with a post(f) of its own, where that is faster
///   submit(f)    runs f on the loop; the result comes by get() of what it returns
///   call_task()  call() of a coroutine that returns 1
///   hop(sum)     a coroutine that adds one to sum on the loop, suspended before it goes there
///   with_loop(f) runs f(uv_loop_t*) on the loop and waits
///
/// What one producer posts runs in the order of its posts.
template <class C>
concept contender = std::default_initializable<C> && requires(C& c, int (*g)()) {
  { C::name } -> std::convertible_to<std::string_view>;
  { C::is } -> std::convertible_to<role>;
  { c.call(g) } -> std::same_as<int>;
};

template <class C>
concept posting = contender<C> && requires(C& c, void (*f)()) { c.post(f); };

template <class C>
concept submitting = contender<C> && requires(C& c, int (*g)()) { c.submit(g).get(); };

template <class C>
concept tasking = contender<C> && requires(C& c) {
  { c.call_task() } -> std::same_as<int>;
};

template <class C>
concept on_libuv = posting<C> && requires(C& c, void (*f)(struct uv_loop_s*)) { c.with_loop(f); };

/// One thread's way to post: the contender's own, or the contender itself.
template <posting C>
decltype(auto) producer_of(C& c) {
  if constexpr (requires { c.producer(); }) {
    return c.producer();
  } else {
    return (c);
  }
}

}  // namespace bench
