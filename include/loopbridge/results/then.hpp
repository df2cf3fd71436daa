#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/results/executor_ref.hpp"
#include "loopbridge/detail/results/gathering.hpp"

namespace loopbridge {
namespace detail {

/// Does `F` take the value, so that failures pass it by? Otherwise it takes the eventual<T>, ready.
template <class F, class T>
constexpr bool takes_value = std::is_invocable_v<F, T>;
template <class F>
constexpr bool takes_value<F, void> = std::is_invocable_v<F>;

template <class F, class T, bool by_value = takes_value<F, T>>
struct then_result : std::invoke_result<F, T> {};
template <class F>
struct then_result<F, void, true> : std::invoke_result<F> {};
template <class F, class T>
struct then_result<F, T, false> : std::invoke_result<F, eventual<T>> {
  static_assert(std::is_invocable_v<F, eventual<T>>,
                "then() calls the function with what the eventual has, or with the eventual: this "
                "one takes neither");
};
template <class F, class T>
using then_result_t = typename then_result<F, T>::type;

template <class F, class T>
using then_t = typename answer_of<std::remove_cv_t<then_result_t<F, T>>>::type;

/// Calls the function of a then() with what it takes, of an eventual that is ready. That argument
/// is kept, so that a task which the function returns may refer to it.
template <class F, class T>
class then_call {
  using kept = std::conditional_t<std::is_void_v<T>, std::tuple<>, std::tuple<T>>;

 public:
  then_call(F&& f, eventual<T>&& before) : f_(std::move(f)), before_(std::move(before)) {}

  then_result_t<F, T> operator()() {
    if constexpr (!takes_value<F, T>) {
      return detail::invoke(std::move(f_), std::move(before_));
    } else if constexpr (std::is_void_v<T>) {
      return detail::invoke(std::move(f_));
    } else {
      argument_.emplace(std::move(before_).get());
      return detail::invoke(std::move(f_), std::get<0>(std::move(*argument_)));
    }
  }

 private:
  F f_;
  eventual<T> before_;
  std::optional<kept> argument_;
};

/// What then() gathers: one call, and then perhaps what its function returns.
template <class T, class F>
struct then_body {
  using type = then_t<F, T>;
  using returned = std::remove_cv_t<then_result_t<F, T>>;
  static constexpr bool may_wait_again = is_later<returned>;

  F f;
  part<T> before{};
  part<type> inner{};

  round_ptr make_round(loop_core& core) const {
    round_ptr r = round::make(core, 1, round::ends::one);
    r->add(before.state());
    return r;
  }

  /// The first part's, if the function takes the eventual.
  bool takes_failure() const noexcept { return !takes_value<F, T> && !inner; }

  call_base* finish(std::size_t, outcome<type>& out, loop_core& core,
                    std::source_location where) noexcept {
    if constexpr (!may_wait_again) {
      out.capture([&]() -> type { return call()(); });
    } else if (inner) {
      out.capture([&]() -> type { return inner.state().take(); });
    } else {
      try {
        eventual<type> begun = begin(core, where);
        inner.swap(begun);
        return &inner.state();  // throws if it is empty
      } catch (...) {
        out.set(std::current_exception());
      }
    }
    return nullptr;
  }

 private:
  then_call<F, T> call() { return {std::move(f), before.take()}; }

  eventual<type> begin(loop_core& core, std::source_location where) {
    if constexpr (std::is_same_v<returned, eventual<type>>) {
      return call()();
    } else {
      auto* const within = inner_call<type>::make(core, where);
      return within->run_now(bound_call<then_call<F, T>>(call()));
    }
  }
};

/// The function of a then() on an executor: it has the real one called there.
template <class T, class F, class Executor>
struct then_elsewhere {
  using type = then_result_t<F, T>;
  static_assert(!is_later<type>,
                "on an executor of its own then() takes a function that returns a value");

  Executor executor;
  F f;
  std::source_location where;

  deferred<type> operator()(eventual<T> before) {
    if constexpr (takes_value<F, T>) {
      if (before.error() != nullptr) std::move(before).get();  // throws: there is nothing to call
    }
    struct work {
      completer<type> done;
      std::optional<then_call<F, T>> call;
      void run() {
        outcome<type> result;
        result.capture([&]() -> type { return (*call)(); });
        call.reset();  // before the answer, whenever the executor lets go of what it was given
        done.resolve_with([&]() -> type { return result.take({}); });
      }
    };
    // Shared, because many executors copy what they are given.
    auto shared = std::make_shared<work>();
    shared->call.emplace(std::move(f), std::move(before));
    auto answer = shared->done.get_deferred();
    // Not kept here: an executor that loses it breaks the completer.
    executor.post([kept = std::move(shared)] { kept->run(); }, where);
    return answer;
  }
};

template <class T, class F>
auto combine_then(eventual<T>& before, F f, std::source_location where) {
  using body = then_body<T, F>;
  return combine(eventual_access::state(before).core(), where, body{std::move(f)},
                 [&](body& b) { b.before.swap(before); });
}

}  // namespace detail

template <class T>
template <class F>
auto eventual<T>::then(F&& f, std::source_location where) && {
  return detail::combine_then<T, std::decay_t<F>>(*this, std::forward<F>(f), where);
}

template <class T>
template <class Executor, class F>
  requires(!detail::is_location<F>)
auto eventual<T>::then(Executor& executor, F&& f, std::source_location where) && {
  using function = detail::then_elsewhere<T, std::decay_t<F>, detail::executor_ref<Executor>>;
  return detail::combine_then<T, function>(
      *this, function{detail::executor_ref<Executor>(executor), std::forward<F>(f), where}, where);
}

}  // namespace loopbridge
