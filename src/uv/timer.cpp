#include "loopbridge/uv/timer.hpp"

#include <uv.h>

#include <stdexcept>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "loopbridge/errors.hpp"
#include "loopbridge/uv/error.hpp"
#include "uv/timer_callback.hpp"

namespace loopbridge {

/// In a block of its own, which libuv may keep longer than the timer lives.
struct timer::own_timer : uv_timer_t {
  explicit own_timer(detail::loop_callback<>&& f) noexcept : callback(std::move(f)) {}

  detail::loop_callback<> callback;
  uv_close_cb theirs = nullptr;  ///< see close_own
};

timer::timer(loop_ref loop, std::function<void()> f, std::source_location where)
    : handle_(
          detail::make_in_block<own_timer>(nullptr, detail::loop_callback<>(std::move(f), where))) {
  uv_timer_init(loop, handle_);
}

timer::~timer() {
  if (handle_ == nullptr) return;
  handle_->callback.drop();
  detail::close_own_block<uv_timer_t>(*handle_);
}

std::chrono::nanoseconds timer::checked(std::chrono::nanoseconds every) {
  if (every == every.zero()) {
    throw std::invalid_argument(
        "loopbridge: a timer that repeats needs a time of more than nothing between; to be called "
        "once, start() it with one time only");
  }
  return every;
}

void timer::begin(std::chrono::nanoseconds after, std::chrono::nanoseconds every) {
  if (handle_ == nullptr) detail::throw_no_state("this timer is empty: it was moved from");
  uv_update_time(handle_->loop);  // else the time that this iteration has taken already counts, too
  const int error = uv_timer_start(
      handle_,
      [](uv_timer_t* t) {
        const detail::timer_callback runs;
        auto& own = *static_cast<own_timer*>(t);
        own.callback(own.loop);
      },
      detail::timer_callback::timeout_of(after),
      every == every.zero() ? 0 : detail::timer_callback::timeout_of(every));
  if (error != 0) {
    detail::throw_uv_error(error,
                           "cannot start a timer whose handle is closed; the program has closed "
                           "all handles of the loop, so start none after that");
  }
}

void timer::stop() noexcept {
  if (handle_ != nullptr) uv_timer_stop(handle_);
}

bool timer::is_active() const noexcept {
  return handle_ != nullptr && uv_is_active(reinterpret_cast<const uv_handle_t*>(handle_)) != 0;
}

}  // namespace loopbridge
