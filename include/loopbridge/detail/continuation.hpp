#pragma once

#include <type_traits>

#include "loopbridge/detail/eventual_awaiter.hpp"
#include "loopbridge/eventual.hpp"

/// What then() makes of the function that it is given.
namespace loopbridge::detail {

/// Does `F` take the value, so that failures pass it by? Else it takes the eventual<T>, ready.
template <class F, class T>
constexpr bool takes_value = std::is_invocable_v<F, T>;
template <class F>
constexpr bool takes_value<F, void> = std::is_invocable_v<F>;

template <class F, class T, bool by_value = takes_value<F, T>>
struct then_result : std::invoke_result<F, T> {};
template <class F>
struct then_result<F, void, true> : std::invoke_result<F> {};
template <class F, class T>
struct then_result<F, T, false> : std::invoke_result<F, eventual<T>> {};
template <class F, class T>
using then_result_t = typename then_result<F, T>::type;

/// Results that come later still are awaited.
template <class R>
struct awaited {
  using type = R;
  static constexpr bool is = false;
};
template <template <class> class Later, class T>
struct later {
  using type = T;
  static constexpr bool is = true;
};
template <class T>
struct awaited<eventual<T>> : later<eventual, T> {};
template <class T>
struct awaited<deferred<T>> : later<deferred, T> {};
template <class T>
struct awaited<task<T>> : later<task, T> {};
template <class R>
constexpr bool is_awaited = awaited<R>::is;
template <class F, class T>
using then_t = typename awaited<std::remove_cv_t<then_result_t<F, T>>>::type;

/// co_await until a call has ended, however it did. A cancelled wait cancels it.
template <class T>
class settled final : public call_awaiter {
 public:
  explicit settled(const eventual<T>& e)
      : call_awaiter(eventual_access::state(e)), answer_(eventual_access::state(e)) {}

  void await_resume() {
    if (!is_given_up()) return;
    answer_.give_up();
    scope().throw_if_cancelled();
  }

 private:
  result<T>& answer_;
};

}  // namespace loopbridge::detail
