#pragma once

// Which library's senders these are: the standard's where it has them (C++26), else stdexec where
// it is found, else what the program names. (A program that has both and means stdexec names that.)
#if defined(LOOPBRIDGE_EXECUTION_NAMESPACE)
#elif __has_include(<execution>) && __has_include(<version>)
#include <version>
#endif

#if defined(LOOPBRIDGE_EXECUTION_NAMESPACE)
namespace loopbridge::detail::ex {
using namespace ::LOOPBRIDGE_EXECUTION_NAMESPACE;
}  // namespace loopbridge::detail::ex
#elif defined(__cpp_lib_senders)
#include <execution>
#include <stop_token>
namespace loopbridge::detail::ex {
using namespace ::std::execution;
using ::std::get_stop_token;
using ::std::stop_callback_for_t;
using ::std::this_thread::sync_wait_t;
}  // namespace loopbridge::detail::ex
#elif __has_include(<stdexec/execution.hpp>)
#include <stdexec/execution.hpp>
namespace loopbridge::detail::ex {
using namespace ::stdexec;
}  // namespace loopbridge::detail::ex
#else
#error \
    "loopbridge/execution.hpp finds no senders: compile as C++26 with a standard library that has them, or put stdexec (github.com/NVIDIA/stdexec) on the include path, or include another library with the same names first and define LOOPBRIDGE_EXECUTION_NAMESPACE as its namespace"
#endif

#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/outcome.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

/// What a sender of a T may complete with.
template <class T>
struct completions_of {
  using type = ex::completion_signatures<ex::set_value_t(T), ex::set_error_t(std::exception_ptr),
                                         ex::set_stopped_t()>;
};
template <>
struct completions_of<void> {
  using type = ex::completion_signatures<ex::set_value_t(), ex::set_error_t(std::exception_ptr),
                                         ex::set_stopped_t()>;
};

template <class Receiver>
using stop_token_of =
    std::remove_cvref_t<decltype(ex::get_stop_token(ex::get_env(std::declval<Receiver&>())))>;

/// That the bridge has stopped, or the call was cancelled, is no error to a receiver.
template <class Receiver>
void complete_failed(Receiver& to, std::exception_ptr error) noexcept {
  if (is_cancellation_or_stop(error)) {
    ex::set_stopped(std::move(to));
  } else {
    ex::set_error(std::move(to), std::move(error));
  }
}

/// The receiver, and what holds it, may be gone afterwards; `ended` must not be with it.
template <class Receiver, class T>
void complete(Receiver& to, outcome<T>& ended, std::source_location where) noexcept {
  if (!ended.has_value()) return complete_failed(to, ended.error(where));
  if constexpr (std::is_void_v<T>) {
    ex::set_value(std::move(to));
  } else {
    try {
      ex::set_value(std::move(to), ended.take(where));
    } catch (...) {  // the value's move, before the receiver heard of anything
      complete_failed(to, std::current_exception());
    }
  }
}

}  // namespace loopbridge::detail
