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
  call_base* finish(std::size_t decided, outcome<type>& out, loop_core&,
                    std::source_location) noexcept {
    std::size_t n = 0;
    const auto failed = [&](auto& p) {
      if (n++ != decided || p.state().has_value()) return false;
      out.set(p.state().error());
      return true;
    };
    const auto made = [&](auto&... each) {
      if ((failed(each) || ...)) return;
      out.capture([&] { return type{take_member(each)...}; });
    };
    std::apply(made, parts);
    return nullptr;
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

  round_ptr make_round(loop_core& core) const {
    round_ptr r = round::make(core, parts.size(), how);
    for (const part<T>& p : parts) r->add(p.state());
    return r;
  }
  call_base* finish(std::size_t decided, outcome<type>& out, loop_core&,
                    std::source_location) noexcept {
    if (!parts[decided].state().has_value()) {
      out.set(parts[decided].state().error());
    } else {
      out.capture([&]() -> type { return make(decided); });
    }
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

template <class T>
loop_core& core_of_first(const std::vector<eventual<T>>& all) {
  if (all.empty()) {
    throw std::invalid_argument(
        "loopbridge: when_all() and when_any() need at least one eventual; there is nothing to "
        "wait for, and no loop to wait on");
  }
  for (const auto& e : all) (void)eventual_access::state(e);  // throws for an empty one
  return eventual_access::state(all.front()).core();
}

/// Leaves `all` as it was where it throws.
template <class T, round::ends how>
auto combine_range(std::vector<eventual<T>>& all, std::source_location where) {
  using body = range_of<T, how>;
  loop_core& core = core_of_first(all);
  body empty;
  empty.parts.resize(all.size());
  new_combination<typename body::type, body> made(core, where, std::move(empty));
  const auto give = [&](body& b) {
    for (std::size_t n = 0; n < all.size(); ++n) b.parts[n] = part<T>(std::move(all[n]));
  };
  give(made.body());
  return made.submit([&](body& b) {
    for (std::size_t n = 0; n < all.size(); ++n) all[n] = b.parts[n].take();
  });
}

}  // namespace detail

/// All values, in the order of the arguments (std::monostate for a void). If one fails, the whole
/// ends so, as soon as that one does, and the others are cancelled.
template <class T, class... Ts>
auto when_all(eventual<T>&& first, eventual<Ts>&&... rest)
    -> eventual<std::tuple<detail::member_t<T>, detail::member_t<Ts>...>> {
  detail::loop_core& core = detail::eventual_access::state(first).core();
  (static_cast<void>(detail::eventual_access::state(rest)), ...);
  using body = detail::all_of<T, Ts...>;
  detail::new_combination<typename body::type, body> made(
      core, detail::eventual_access::state(first).where(), body{});
  made.body().parts = {detail::part<T>(std::move(first)), detail::part<Ts>(std::move(rest))...};
  return made.submit([&](body& b) {
    const auto take_back = [&](detail::part<T>& p, detail::part<Ts>&... ps) {
      first = p.take();
      ((rest = ps.take()), ...);
    };
    std::apply(take_back, b.parts);
  });
}

/// when_all() for any number of one type: a std::vector of the values; nothing for void.
template <class T>
auto when_all(std::vector<eventual<T>>&& all,
              std::source_location where = std::source_location::current())
    -> eventual<detail::members_t<T>> {
  return detail::combine_range<T, detail::round::ends::all_or_failed>(all, where);
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
  return detail::combine_range<T, detail::round::ends::one>(all, where);
}
template <class T, class... Ts>
auto when_any(eventual<T>&& first, Ts&&... rest) -> eventual<first_result<T>> {
  static_assert((std::is_same_v<Ts, eventual<T>> && ...),
                "when_any() takes eventuals of one type, each for good: std::move it");
  const std::source_location where = detail::eventual_access::state(first).where();
  std::vector<eventual<T>> all;
  all.reserve(1 + sizeof...(rest));
  all.push_back(std::move(first));
  (all.push_back(std::forward<Ts>(rest)), ...);
  try {
    return when_any(std::move(all), where);
  } catch (...) {  // they are as they were
    std::size_t n = 0;
    first = std::move(all[n]);
    ((rest = std::move(all[++n])), ...);
    throw;
  }
}

}  // namespace loopbridge
