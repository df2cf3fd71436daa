#pragma once

#include <cstddef>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/meeting.hpp"
#include "loopbridge/task.hpp"

// Several calls as one: of one bridge or of several. What gathers them runs on the first one's
// loop, where its own call counts like others; so that bridge must not have stopped. Any ordinary
// thread; the loop's too, in tasks by `co_await when_all(...)`. They throw like bridge::submit(),
// `no_state` for empty eventuals, and std::invalid_argument where there is none at all. Those that
// take no place have the first one's. When what they return is cancelled, so are all that it
// gathers.
namespace loopbridge {

/// What when_any() gives: which of them came first, counted from 0, and its value.
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
member_t<T> take_member(eventual<T>& e) {
  if constexpr (std::is_void_v<T>) {
    std::move(e).get();
    return {};
  } else {
    return std::move(e).get();
  }
}

template <class... Ts>
task<std::tuple<member_t<Ts>...>> gather(eventual<Ts>... all) {
  co_await meeting(meeting::ends::all_or_failed, all...);
  co_return std::tuple<member_t<Ts>...>{take_member(all)...};
}

template <class T>
using members_t = std::conditional_t<std::is_void_v<T>, void, std::vector<member_t<T>>>;

template <class T>
task<members_t<T>> gather_range(std::vector<eventual<T>> all) {
  co_await meeting(meeting::ends::all_or_failed, all);
  if constexpr (std::is_void_v<T>) {
    for (auto& e : all) std::move(e).get();
  } else {
    std::vector<T> values;
    values.reserve(all.size());
    for (auto& e : all) values.push_back(std::move(e).get());
    co_return values;
  }
}

template <class T>
task<first_result<T>> first_of(std::vector<eventual<T>> all) {
  const std::size_t index = co_await meeting(meeting::ends::one, all);
  if constexpr (std::is_void_v<T>) {
    std::move(all[index]).get();
    co_return first_result<void>{index};
  } else {
    co_return first_result<T>{index, std::move(all[index]).get()};
  }
}

template <class T>
core_base& core_of_first(const std::vector<eventual<T>>& all) {
  if (all.empty()) {
    throw std::invalid_argument(
        "loopbridge: when_all() and when_any() need at least one eventual; there is nothing to "
        "wait for, and no loop to wait on");
  }
  for (const auto& e : all) (void)eventual_access::state(e);  // throws for an empty one
  return eventual_access::state(all.front()).core();
}

}  // namespace detail

/// All values, in the order of the arguments (std::monostate for a void). If one fails, that is
/// how the whole ends, as soon as it does, and the others are cancelled.
template <class T, class... Ts>
auto when_all(eventual<T>&& first, eventual<Ts>&&... rest)
    -> eventual<std::tuple<detail::member_t<T>, detail::member_t<Ts>...>> {
  detail::core_base& core = detail::eventual_access::state(first).core();
  (static_cast<void>(detail::eventual_access::state(rest)), ...);
  return detail::submit_to(core, {}, detail::eventual_access::state(first).where(),
                           &detail::gather<T, Ts...>, std::move(first), std::move(rest)...);
}

/// The same for any number of one type: a std::vector of the values; nothing for void.
template <class T>
auto when_all(std::vector<eventual<T>>&& all, place where = place::current())
    -> eventual<detail::members_t<T>> {
  detail::core_base& core = detail::core_of_first(all);
  return detail::submit_to(core, {}, where, &detail::gather_range<T>, std::move(all));
}

/// The first that ends, be it in a value or in a failure; the others are cancelled.
template <class T>
auto when_any(std::vector<eventual<T>>&& all, place where = place::current())
    -> eventual<first_result<T>> {
  detail::core_base& core = detail::core_of_first(all);
  return detail::submit_to(core, {}, where, &detail::first_of<T>, std::move(all));
}
template <class T, class... Ts>
auto when_any(eventual<T>&& first, Ts&&... rest) -> eventual<first_result<T>> {
  const place where = detail::eventual_access::state(first).where();
  std::vector<eventual<T>> all;
  all.reserve(1 + sizeof...(rest));
  all.push_back(std::move(first));
  (all.push_back(std::forward<Ts>(rest)), ...);
  return when_any(std::move(all), where);
}

}  // namespace loopbridge
