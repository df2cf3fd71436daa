#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/continuation.hpp"
#include "loopbridge/task.hpp"

namespace loopbridge {
namespace detail {

/// then() on the loop of the call itself.
template <class T, class F>
task<then_t<F, T>> continue_with(eventual<T> before, F f) {
  if constexpr (!takes_value<F, T>) {
    co_await settled<T>(before);
    if constexpr (is_awaited<then_result_t<F, T>>) {
      co_return co_await std::move(f)(std::move(before));
    } else {
      co_return std::move(f)(std::move(before));
    }
  } else if constexpr (std::is_void_v<T>) {
    co_await std::move(before);
    if constexpr (is_awaited<then_result_t<F, T>>) {
      co_return co_await std::move(f)();
    } else {
      co_return std::move(f)();
    }
  } else {
    T value = co_await std::move(before);
    if constexpr (is_awaited<then_result_t<F, T>>) {
      co_return co_await std::move(f)(std::forward<T>(value));
    } else {
      co_return std::move(f)(std::forward<T>(value));
    }
  }
}

/// then() on an executor.
template <class Executor, class T, class F>
task<then_t<F, T>> continue_on(Executor& executor, eventual<T> before, F f) {
  using result = then_t<F, T>;
  static_assert(!is_awaited<then_result_t<F, T>>,
                "on an executor of its own then() takes a function that returns a value");
  co_await settled<T>(before);
  if constexpr (takes_value<F, T>) {
    if (before.error() != nullptr) std::move(before).get();  // throws: there is nothing to call
  }
  struct work {
    completer<result> done;
    eventual<T> before;
    F f;
  };
  // Shared, because many executors copy what they are given.
  auto shared = std::make_shared<work>(work{{}, std::move(before), std::move(f)});
  auto answer = shared->done.get_deferred();
  // Not kept here: an executor that loses it breaks the completer.
  executor.post([kept = std::move(shared)] {
    work& w = *kept;
    w.done.resolve_with([&]() -> result {
      if constexpr (!takes_value<F, T>) {
        return std::move(w.f)(std::move(w.before));
      } else if constexpr (std::is_void_v<T>) {
        return std::move(w.f)();
      } else {
        return std::move(w.f)(std::move(w.before).get());
      }
    });
  });
  co_return co_await std::move(answer);
}

}  // namespace detail

template <class T>
template <class F>
auto eventual<T>::then(F&& f, place where) && {
  detail::core_base& core = state().core();
  return detail::submit_to(
      core, {}, where,
      [](eventual<T>&& e, std::decay_t<F>&& g) {
        return detail::continue_with<T, std::decay_t<F>>(std::move(e), std::move(g));
      },
      std::move(*this), std::forward<F>(f));
}

template <class T>
template <class Executor, class F, detail::unless_place<F>>
auto eventual<T>::then(Executor& executor, F&& f, place where) && {
  detail::core_base& core = state().core();
  return detail::submit_to(
      core, {}, where,
      [&executor](eventual<T>&& e, std::decay_t<F>&& g) {
        return detail::continue_on<Executor, T, std::decay_t<F>>(executor, std::move(e),
                                                                 std::move(g));
      },
      std::move(*this), std::forward<F>(f));
}

}  // namespace loopbridge
