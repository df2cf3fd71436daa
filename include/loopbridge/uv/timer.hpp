#pragma once

#include <chrono>
#include <functional>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/uv/loop_callback.hpp"
#include "loopbridge/loop_ref.hpp"

namespace loopbridge {

/// A timer for code on the loop, such as a client's retries and deadlines: started, put off and
/// moved at will. (Other threads use submit_after() and submit_every(), and tasks delay().)
///
/// Thread   the loop thread, for all its functions and its destructor
/// Callable `f` is called on the loop. It may call every function here, also destroy or move the
///          timer, and is destroyed with that, or when it returns. What it throws goes to
///          options::on_unhandled_error, with the place where the timer was made.
/// Throws   `no_state` if the timer was moved from: start()
/// After the end   destroy it before the loop has ended, in at_stop() or as part of an owned<H>;
///          otherwise the bridge reports it as an open handle and closes it.
class timer {
 public:
  /// Not started yet.
  /// Throws   std::invalid_argument if `f` is empty; std::bad_alloc
  timer(loop_ref loop, std::function<void()> f,
        std::source_location where = std::source_location::current());
  /// stop().
  ~timer();
  timer(timer&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  timer& operator=(timer&& other) noexcept {
    timer taken(std::move(other));
    std::swap(handle_, taken.handle_);
    return *this;
  }

  /// Calls `f` once, after at least that long from now, by the loop's clock. Whatever it was
  /// started for before is forgotten. libuv counts whole milliseconds, so the time is rounded up;
  /// by a finer clock it may be a part of one less. Zero or less: in a later iteration; in
  /// a timer's callback that is after a millisecond, so that a loop of such starts lets I/O in.
  /// Throws   std::system_error with UV_EINVAL if the program has closed all handles of the loop
  template <class Rep, class Period>
  void start(std::chrono::duration<Rep, Period> after) {
    begin(detail::in_nanoseconds(after), {});
  }

  /// The same, and from then on again and again, each time that long after the last time.
  /// Throws   std::invalid_argument if `every` is zero or less; std::system_error as above
  template <class Rep, class Period, class Rep2, class Period2>
  void start(std::chrono::duration<Rep, Period> after, std::chrono::duration<Rep2, Period2> every) {
    begin(detail::in_nanoseconds(after), checked(detail::in_nanoseconds(every)));
  }

  /// `f` is not called any more, until the next start(). May be called again.
  void stop() noexcept;

  /// Will `f` be called? In `f` itself: again?
  bool is_active() const noexcept;

  // Wrong uses, with an error that names the fix: times without a unit.
  template <class... More>
  void start(detail::no_duration, More&&...) {}

 private:
  struct own_timer;

  static std::chrono::nanoseconds checked(std::chrono::nanoseconds every);
  void begin(std::chrono::nanoseconds after, std::chrono::nanoseconds every);

  own_timer* handle_;
};

}  // namespace loopbridge
