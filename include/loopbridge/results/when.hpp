#pragma once

#include <cstddef>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/results/gathering.hpp"

// Several calls as one: of one bridge or of several.
//
// The gathering runs on the loop of the first one, where its own call counts like others; so that
// bridge must not have stopped. Overloads without a place use the first eventual's. What they
// return owns what it gathers: when it is cancelled, be it queued, waiting or at an end already in
// part, so are all that are not done.
//
// Thread   any ordinary thread; the loop's too, in tasks by `co_await when_all(...)`.
// Blocks   with a capacity only, for room: see options::patience.
// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc; with a capacity, `bridge_full` and
//          `would_deadlock`; `no_state` for an empty eventual; std::invalid_argument where there is
//          none at all. The eventuals are as they were then.
namespace loopbridge {

/// What when_any() gives: which eventual came first, counted from 0, and its value.
template <class T>
struct first_result {
  std::size_t index;
  T value;
};
template <>
struct first_result<void> {
  std::size_t index;
};

namespace detail {

/// A value for a tuple.
template <class T>
using member_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
member_t<T> take_member(part<T>& p) {
  if constexpr (std::is_void_v<T>) {
    p.state().take();
    return {};
  } else {
    return p.state().take();
  }
}

/// What when_all() of several types gathers.
template <class... Ts>
struct all_of {
  using type = std::tuple<member_t<Ts>...>;
  static constexpr bool may_wait_again = false;

  std::tuple<part<Ts>...> parts{};

  round_ptr make_round(loop_core& core) const {
    round_ptr r = round::make(core, sizeof...(Ts), round::ends::all_or_failed);
    std::apply([&r](const auto&... each) { (r->add(each.state()), ...); }, parts);
    return r;
  }
  bool takes_failure() const noexcept { return false; }
  call_base* finish(std::size_t, outcome<type>& out, loop_core&, std::source_location) noexcept {
    const auto take = [](auto&... each) { return type{take_member(each)...}; };
    out.capture([&] { return std::apply(take, parts); });
    return nullptr;
  }
};

/// What when_any() of several types gathers.
template <class... Ts>
struct any_of {
  static_assert(
      !(std::is_reference_v<Ts> || ...),
      "when_any() of several types gives a std::variant, which holds no reference: return "
      "a pointer");
  using type = std::variant<member_t<Ts>...>;
  static constexpr bool may_wait_again = false;

  std::tuple<part<Ts>...> parts{};

  round_ptr make_round(loop_core& core) const {
    round_ptr r = round::make(core, sizeof...(Ts), round::ends::one);
    std::apply([&r](const auto&... each) { (r->add(each.state()), ...); }, parts);
    return r;
  }
  bool takes_failure() const noexcept { return false; }
  call_base* finish(std::size_t decided, outcome<type>& out, loop_core&,
                    std::source_location) noexcept {
    out.capture([&] { return take<0>(decided); });
    return nullptr;
  }

 private:
  template <std::size_t n>
  type take(std::size_t decided) {
    if constexpr (n + 1 < sizeof...(Ts)) {
      if (decided != n) return take<n + 1>(decided);
    }
    return type(std::in_place_index<n>, take_member(std::get<n>(parts)));
  }
};

template <class T>
using members_t = std::conditional_t<std::is_void_v<T>, void, std::vector<member_t<T>>>;

/// Any number of one type.
template <class T, round::ends how>
struct range_of {
  static constexpr bool waits_for_all = how == round::ends::all_or_failed;
  using type = std::conditional_t<waits_for_all, members_t<T>, first_result<T>>;
  static constexpr bool may_wait_again = false;

  std::vector<part<T>> parts;

  explicit range_of(std::size_t size) : parts(size) {}
  round_ptr make_round(loop_core& core) const {
    round_ptr r = round::make(core, parts.size(), how);
    for (const part<T>& p : parts) r->add(p.state());
    return r;
  }
  bool takes_failure() const noexcept { return false; }
  call_base* finish(std::size_t decided, outcome<type>& out, loop_core&,
                    std::source_location) noexcept {
    out.capture([&]() -> type { return make(decided); });
    return nullptr;
  }

 private:
  type make(std::size_t decided) {
    if constexpr (waits_for_all && std::is_void_v<T>) {
      for (part<T>& p : parts) p.state().take();
    } else if constexpr (waits_for_all) {
      std::vector<T> values;
      values.reserve(parts.size());
      for (part<T>& p : parts) values.push_back(p.state().take());
      return values;
    } else if constexpr (std::is_void_v<T>) {
      parts[decided].state().take();
      return {decided};
    } else {
      return {decided, parts[decided].state().take()};
    }
  }
};

template <round::ends how, class T>
auto combine_range(std::vector<eventual<T>>& all, std::source_location where) {
  if (all.empty()) {
    throw std::invalid_argument(
        "loopbridge: when_all() and when_any() need at least one eventual; there is nothing to "
        "wait for, and no loop to wait on");
  }
  for (const auto& e : all) (void)eventual_access::state(e);  // throws for an empty one
  return combine(eventual_access::state(all.front()).core(), where, range_of<T, how>(all.size()),
                 [&](range_of<T, how>& b) {
                   for (std::size_t n = 0; n < all.size(); ++n) b.parts[n].swap(all[n]);
                 });
}

/// Of several arguments: to the loop of the first, with its place.
template <class Body, class T, class... Ts>
auto combine_arguments(Body&& body, auto swap_parts, const eventual<T>& first,
                       const eventual<Ts>&... rest) {
  const result<T>& of_first = eventual_access::state(first);
  (static_cast<void>(eventual_access::state(rest)), ...);  // throws for an empty one
  return combine(of_first.core(), of_first.where(), std::forward<Body>(body), swap_parts);
}

}  // namespace detail

/// All values, in the order of the arguments (std::monostate for a void). If one fails, the whole
/// ends so, as soon as that one does, and the others are cancelled.
template <class T, class... Ts>
auto when_all(eventual<T>&& first, eventual<Ts>&&... rest)
    -> eventual<std::tuple<detail::member_t<T>, detail::member_t<Ts>...>> {
  using body = detail::all_of<T, Ts...>;
  const auto swap_parts = [&](body& b) {
    std::apply([&](auto& p, auto&... ps) { p.swap(first), (ps.swap(rest), ...); }, b.parts);
  };
  return detail::combine_arguments(body{}, swap_parts, first, rest...);
}

/// when_all() for any number of one type: a std::vector of the values; nothing for void.
template <class T>
auto when_all(std::vector<eventual<T>>&& all,
              std::source_location where = std::source_location::current())
    -> eventual<detail::members_t<T>> {
  return detail::combine_range<detail::round::ends::all_or_failed>(all, where);
}

// Wrong uses, with an error that names the fix.
template <class T, class... Any>
auto when_all(const eventual<T>&, Any&&...) {
  return detail::must_be_moved<T>();
}
template <class T>
auto when_all(const std::vector<eventual<T>>&, std::source_location = {}) {
  return detail::must_be_moved<T>();
}
template <class T, class... Any>
auto when_any(const eventual<T>&, Any&&...) {
  return detail::must_be_moved<T>();
}
template <class T>
auto when_any(const std::vector<eventual<T>>&, std::source_location = {}) {
  return detail::must_be_moved<T>();
}

/// The first that ends, in a value or in a failure; the others are cancelled.
template <class T>
auto when_any(std::vector<eventual<T>>&& all,
              std::source_location where = std::source_location::current())
    -> eventual<first_result<T>> {
  return detail::combine_range<detail::round::ends::one>(all, where);
}
/// Of several types: a variant of them (std::monostate for a void), whose index() is that of the
/// first that ended.
template <class T, class... Ts>
  requires(!(std::is_same_v<T, Ts> && ...))
auto when_any(eventual<T>&& first, eventual<Ts>&&... rest)
    -> eventual<std::variant<detail::member_t<T>, detail::member_t<Ts>...>> {
  using body = detail::any_of<T, Ts...>;
  const auto swap_parts = [&](body& b) {
    std::apply([&](auto& p, auto&... ps) { p.swap(first), (ps.swap(rest), ...); }, b.parts);
  };
  return detail::combine_arguments(body{}, swap_parts, first, rest...);
}
template <class T, class... Ts>
auto when_any(eventual<T>&& first, Ts&&... rest) -> eventual<first_result<T>> {
  static_assert((std::is_same_v<Ts, eventual<T>> && ...),
                "when_any() takes eventuals, each for good: std::move it");
  using body = detail::range_of<T, detail::round::ends::one>;
  const auto swap_parts = [&](body& b) {
    std::size_t n = 0;
    b.parts[n].swap(first);
    (b.parts[++n].swap(rest), ...);
  };
  return detail::combine_arguments(body(1 + sizeof...(rest)), swap_parts, first, rest...);
}

}  // namespace loopbridge
