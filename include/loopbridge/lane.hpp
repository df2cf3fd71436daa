#pragma once

#include <type_traits>
#include <utility>

#include "loopbridge/detail/lane_state.hpp"
#include "loopbridge/detail/reentrant_post.hpp"
#include "loopbridge/errors.hpp"
#include "loopbridge/place.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge {

/// What lane::post does when the lane is full.
enum class full_lane {
  /// It waits until the loop has made room: a moment awake, then asleep. On the loop's own thread,
  /// which would wait for itself, it spills.
  block,
  /// It throws `lane_full`; the callable is not taken.
  refuse,
  /// The call goes through the bridge's submission list, in a block of memory, and the lane's later
  /// ones after it, until the loop has caught up: bounded by memory alone.
  spill,
};

/// A private way to a bridge's loop, for a thread that posts by the million: a few nanoseconds a
/// post, no allocation, no locked instruction while the loop is busy; 32 KB each.
///
/// It promises less than bridge::post. Calls of one lane run on the loop thread in the order of
/// their posts; between lanes, or a lane and the bridge's own functions, there is no order. (To
/// have all of a lane's calls behind you: post a last one that tells.) What a callable throws goes
/// to options::on_unhandled_error with the place where the lane was made. At most 1024 calls are
/// queued, see full_lane. They count neither towards options::capacity nor in bridge::stats(), and
/// the watchdog does not see them.
///
/// One thread at a time uses a lane; handing it to another thread needs the usual care. Ordinary
/// code only, the loop's thread too, but for post_reentrant. A callable that is constructed, or
/// moved, by a post may itself post to the lane: that call spills.
///
/// The lane may outlive its bridge. From when stop() has returned it refuses; posts during a stop
/// are accepted, and run, or are refused, one or the other. A stop that refuses what is queued
/// (options::on_stop) still runs those that the loop has taken from the lane together with the call
/// that it is in. A thread that waits for room when its bridge stops is told. What the lane
/// accepted runs also when the lane is destroyed first. In a forked child it refuses with
/// `wrong_process`.
class lane {
 public:
  lane(lane&& other) noexcept : state_(std::exchange(other.state_, nullptr)), full_(other.full_) {}
  lane& operator=(lane&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(full_, other.full_);
    return *this;
  }
  /// What it has accepted runs. Ordinary thread.
  ~lane() {
    if (state_ != nullptr) state_->drop_handle();
  }

  /// Runs `f` on the loop; nobody waits. A callable of up to 24 bytes whose move does not throw
  /// lives in the lane itself, a larger one in a block. It is moved out, run and destroyed on the
  /// loop thread. Throws `bridge_stopped`, `wrong_process`, `lane_full` (see full_lane),
  /// `would_deadlock` (a loop's thread that would wait for room, in a circle), std::bad_alloc, or
  /// what moving `f` throws; it runs nothing then.
  template <class F>
  void post(F&& f);

  /// post for code that must neither throw nor wait: `accepted`, `stopped`, `wrong_process`, or
  /// `exhausted`: the lane is full, unless it spills, or there is no memory. Moving `f` must not
  /// throw.
  template <class F>
  status try_post(F&& f) noexcept;

  /// From the lane's thread and its handlers, at any instruction, also inside post(): like
  /// bridge::post_reentrant, whose pool it uses when the lane is full or in use. No order is
  /// promised. Any `f` that is trivially copyable, of at most 24 bytes.
  template <class F>
  status post_reentrant(F f) noexcept;

 private:
  friend class bridge;
  friend struct lane_access;
  lane(detail::core_base& core, full_lane full, place where)
      : state_(detail::lane_state::make(core, where)), full_(full) {}

  template <class F>
  using bound = detail::bound_call_of<F>;
  detail::lane_state& state() const {
    if (state_ == nullptr) detail::throw_no_state("this lane is empty: it was moved from");
    return *state_;
  }

  detail::lane_state* state_;
  full_lane full_;
};

template <class F>
void lane::post(F&& f) {
  using posted = detail::lane_state::posted;
  detail::nobody_waits_for<typename bound<F>::result_type>();
  detail::lane_state& s = state();
  if (!s.core().is_this_process()) detail::throw_wrong_process(s.where());
  for (;;) {
    const posted p = s.try_post<bound<F>>(std::forward<F>(f));  // takes f only if it accepts
    if (p == posted::accepted) return;
    if (p == posted::stopped) detail::throw_stopped(s.where());
    if (p == posted::no_room && full_ == full_lane::refuse) detail::throw_lane_full(s.where());
    if (p == posted::entered_already || full_ == full_lane::spill || s.core().on_loop_thread()) {
      return throw_unless_ok(s.spill<bound<F>>(std::forward<F>(f)), s.where());
    }
    if (!s.wait_for_room()) detail::throw_wrong_process(s.where());
  }
}

template <class F>
status lane::try_post(F&& f) noexcept {
  using posted = detail::lane_state::posted;
  if (state_ == nullptr) return status::stopped;
  if (!state_->core().is_this_process()) return status::wrong_process;
  try {
    const posted p = state_->try_post<bound<F>>(std::forward<F>(f));
    if (p == posted::accepted) return status::accepted;
    if (p == posted::stopped) return status::stopped;
    if (p == posted::no_room && full_ != full_lane::spill) return status::exhausted;
    return state_->spill<bound<F>>(std::forward<F>(f));
  } catch (const std::bad_alloc&) {
    return status::exhausted;
  }
}

template <class F>
status lane::post_reentrant(F f) noexcept {
  using posted = detail::lane_state::posted;
  using closure = detail::bound_call_of<F>;
  static_assert(std::is_trivially_copyable_v<F> && detail::lane_item<closure>::fits,
                "post_reentrant copies bytes: the callable must be trivially copyable, and of at "
                "most 24 bytes: pass a pointer to more");
  if (state_ == nullptr) return status::stopped;
  if (!state_->core().is_this_process()) return status::wrong_process;
  const posted p = state_->try_post<closure>(f);
  if (p == posted::accepted) return status::accepted;
  if (p == posted::stopped) return status::stopped;
  return detail::post_closure(state_->core(), state_->where(), detail::reentrant_closure<F>{f});
}

}  // namespace loopbridge
