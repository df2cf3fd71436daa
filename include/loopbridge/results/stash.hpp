#pragma once

#include <cstdint>
#include <typeinfo>
#include <utility>

#include "loopbridge/results/eventual.hpp"

// Results that wait for code that cannot hold an eventual: a web request begins some work, gives
// its number to the browser, and a later request, in another thread, asks by that number.
//
// Any ordinary thread, also a loop's; not from handlers. What allocates or destroys does so outside
// the stash's lock, so a finalizer that runs in the midst of stash() or retrieve() may call either.
namespace loopbridge {

/// The number of a stashed result. Never 0, and never given twice in one process.
enum class result_id : std::uint64_t {};

namespace detail {

/// Which T an eventual is of: by the address of a function, of which a program has one for each T.
/// Where libraries have hidden copies of their own, by RTTI, if there is any.
struct result_type {
  const char* (*name)() noexcept;
  const std::type_info* info;
};
/// The compiler's own name for this has T's in it.
template <class T>
const char* name_of_type() noexcept {
  return __PRETTY_FUNCTION__;
}
template <class T>
result_type type_of_result() noexcept {
#ifdef __cpp_rtti
  return {&name_of_type<T>, &typeid(eventual<T>)};
#else
  return {&name_of_type<T>, nullptr};
#endif
}

/// The stash has the handle's part of `call` when this has returned, until take_from_stash() gives
/// it back.
result_id put_into_stash(call_base& call, result_type type);
call_base& take_from_stash(result_id id, result_type type);

}  // namespace detail

/// Keeps `result`, whether it is there yet or not, until it is retrieved by the number that this
/// returns. A result that is still kept when the process exits is reported on stderr, with its type
/// and where it was submitted; if it failed, that goes to options::on_unhandled_error too.
///
/// Throws   `no_state` if `result` is empty; std::bad_alloc. It keeps nothing then, and `result` is
///          as it was.
template <class T>
result_id stash(eventual<T>&& result) {
  using detail::eventual_access;
  const auto type = detail::type_of_result<T>();
  const result_id id = detail::put_into_stash(eventual_access::state(result), type);
  eventual_access::release(result);
  return id;
}
template <class T>
auto stash(const eventual<T>&) {  // wrong, and says so
  return detail::must_be_moved<T>();
}

/// Gives back what was stashed under `id`, once: then it is the caller's. (Code without RTTI, in
/// libraries that hide their symbols from each other, finds what its own library stashed.)
///
/// Throws   `not_stashed` if there is no such result (any more), if it was stashed in the process
///          that forked this one, or if it is not an eventual<T>; in the last case it stays where
///          it is.
template <class T>
eventual<T> retrieve(result_id id) {
  detail::call_base& call = detail::take_from_stash(id, detail::type_of_result<T>());
  return detail::eventual_access::make(static_cast<detail::result<T>&>(call));
}

}  // namespace loopbridge
