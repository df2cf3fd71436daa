#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "loopbridge/results/eventual.hpp"

namespace loopbridge {
namespace detail {

/// Moves a result into a promise. It owns itself until the result is there.
template <class T>
class fulfiller final : public completion_callback {
 public:
  explicit fulfiller(eventual<T>&& e) noexcept : from_(std::move(e)) {}

  std::future<T> future() { return to_.get_future(); }
  void start() noexcept { eventual_access::state(from_).on_completion(*this); }

  void notify() noexcept override {
    const std::unique_ptr<fulfiller> own(this);
    try {
      if constexpr (std::is_void_v<T>) {
        std::move(from_).get();
        to_.set_value();
      } else {
        to_.set_value(std::move(from_).get());
      }
    } catch (...) {
      to_.set_exception(std::current_exception());
    }
  }

 private:
  eventual<T> from_;
  std::promise<T> to_;
};

}  // namespace detail

/// The result as a `std::future`, for code that wants one. The eventual is empty then.
///
/// What an eventual can do and a future cannot: a failure that is never read is lost with the
/// future; nothing cancels the call; a get() on the loop's own thread deadlocks instead of throwing
/// `would_deadlock`, and one in a forked child never returns.
///
/// Thread   any ordinary thread; never blocks. The thread that ends the call moves the value, or
///          what was thrown, into the future; the thread that ends a bridge does so too. So the
///          move constructor runs on the loop, as a rule.
/// Throws   `no_state` if the eventual is empty, and std::bad_alloc. The eventual is untouched
///          then.
template <class T>
std::future<T> to_future(eventual<T>&& e) {
  detail::eventual_access::state(e);  // throws if it is empty
  auto way = std::make_unique<detail::fulfiller<T>>(std::move(e));
  std::future<T> future = way->future();
  way.release()->start();  // its own from here
  return future;
}
template <class T>
auto to_future(const eventual<T>&) {  // wrong, and says so
  return detail::must_be_moved<T>();
}

}  // namespace loopbridge
