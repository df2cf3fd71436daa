#pragma once

#include <cstdint>
#include <memory>
#include <typeinfo>
#include <utility>

#include "loopbridge/eventual.hpp"
#include "loopbridge/place.hpp"

// Results that wait for somebody who cannot hold an eventual: a web request begins some work, gives
// its number to the browser, and a later request, in another thread, asks by that number.
//
// Any ordinary thread, also a loop's; not from handlers. What allocates or destroys does so outside
// the stash's lock, so a finalizer that runs in the midst of stash() or retrieve() may call either.
namespace loopbridge {

/// The number of a stashed result. Never 0, and in one process never given twice.
enum class result_id : std::uint64_t {};

namespace detail {

/// The compiler's own name for itself has T's in it.
template <class T>
const char* name_of_type() noexcept {
  return __PRETTY_FUNCTION__;
}

/// To tell an eventual<T&> from an eventual<T>, which typeid(T) does not.
template <class T>
struct type_of_result {};

/// Which T an eventual is of: by the address of a function, of which a program has one for each T;
/// and where libraries have hidden copies of their own, by RTTI, if there is any.
struct result_type {
  const char* (*name)() noexcept;
  const std::type_info* info;
};
template <class T>
result_type type_of() noexcept {
#ifdef __cpp_rtti
  return {&name_of_type<T>, &typeid(type_of_result<T>)};
#else
  return {&name_of_type<T>, nullptr};
#endif
}

/// A result in the stash, whatever its type.
class stashed_base {
 public:
  stashed_base(result_type type, place where) noexcept : type_(type), where_(where) {}
  stashed_base(const stashed_base&) = delete;
  stashed_base& operator=(const stashed_base&) = delete;
  virtual ~stashed_base() = default;

  /// Of the result, and where it was submitted.
  result_type type() const noexcept { return type_; }
  place where() const noexcept { return where_; }
  /// What it has failed with; null: it has not, or not yet.
  virtual std::exception_ptr error() const = 0;

 private:
  const result_type type_;
  const place where_;
};

template <class T>
class stashed final : public stashed_base {
 public:
  explicit stashed(eventual<T>&& result)
      : stashed_base(type_of<T>(), result.state().where()), result_(std::move(result)) {}
  std::exception_ptr error() const override { return result_.error(); }
  eventual<T> take() { return std::move(result_); }

 private:
  eventual<T> result_;
};

result_id put_into_stash(std::unique_ptr<stashed_base> result);
std::unique_ptr<stashed_base> take_from_stash(result_id id, result_type type);

}  // namespace detail

/// Keeps `result`, whether it is there yet or not, until somebody retrieves it by the number that
/// this returns. Throws `no_state` if it is empty, `wrong_process`, or std::bad_alloc; it keeps
/// nothing then. What is still kept when the process exits is reported on stderr, with its type,
/// the place of its submission, and what it failed with.
template <class T>
result_id stash(eventual<T>&& result) {
  return detail::put_into_stash(std::make_unique<detail::stashed<T>>(std::move(result)));
}
template <class T>
auto stash(const eventual<T>&) {  // wrong, and says so
  return detail::must_be_moved<T>();
}

/// Gives back what was stashed under `id`, once: then it is the caller's. Throws `not_stashed` if
/// there is no such result (any more), if it was stashed in the process that forked this one, or if
/// it is not an eventual<T>; in the last case it stays where it is. (Code without RTTI, in
/// libraries that hide their symbols from each other, finds what its own library stashed.)
template <class T>
eventual<T> retrieve(result_id id) {
  const auto found = detail::take_from_stash(id, detail::type_of<T>());
  return static_cast<detail::stashed<T>&>(*found).take();
}

}  // namespace loopbridge
