#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "loopbridge/results/eventual.hpp"

namespace loopbridge {
namespace detail {

/// Moves a result into a promise. Its own, until the result is there.
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

/// The result as a `std::future`, for code that wants one.
///
/// Any ordinary thread; never blocks. The eventual is empty then. The thread that ends the call
/// moves the value, or what was thrown, into the future (a bridge that stops does so too), so the
/// move constructor runs on the loop. Throws `no_state` if the eventual is empty, and
/// `std::bad_alloc`; it is untouched then.
///
/// What an eventual can and a future cannot: a failure that nobody looks at is lost with the
/// future; nothing cancels the call; a get() on the loop's own thread deadlocks instead of throwing
/// `would_deadlock`, and one in a forked child never returns.
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
