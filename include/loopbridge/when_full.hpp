#pragma once

#include <chrono>
#include <cstdint>

#include "loopbridge/detail/deadline.hpp"

namespace loopbridge {

/// What becomes of a call that finds its bridge full: see options::capacity. For all calls of a
/// bridge it is options::when_full; for a single one it is said on the spot:
///
///   bridge.with(loopbridge::when_full::refuse()).post(f);
///
/// A call that is refused so was never accepted: it throws `bridge_full` (try_post: status::full),
/// and its callable is destroyed by the thread that made the call.
class when_full {
 public:
  /// Waits until there is room, for as long as it takes; the bridge's end is `bridge_stopped`. All
  /// who wait are let go when the loop takes its calls; which of them gets a place is open. On the
  /// loop's own thread, which alone makes room, and where loops would wait for each other in a
  /// circle, it does not wait but throws `would_deadlock`. (try_post and try_submit never wait:
  /// they are refused at once.)
  static constexpr when_full block() noexcept { return {kind::block, detail::for_ever}; }

  /// The same, but refused when `patience` is over. (call_for also ends with its own deadline.)
  template <class Rep, class Period>
  static constexpr when_full block_for(std::chrono::duration<Rep, Period> patience) noexcept {
    return {kind::block, detail::in_nanoseconds(patience)};
  }

  /// Refused at once.
  static constexpr when_full refuse() noexcept { return {kind::refuse, {}}; }

  /// On the loop's own thread: runs there and then, ahead of what is queued. A call that is made by
  /// one which runs so is refused, or the stack would grow without bound; and so it is on any other
  /// thread. Between the turns of an adopted loop it is a turn of its own: if the bridge is stopped
  /// meanwhile, it ends, with all that is queued, before the submission returns.
  static constexpr when_full run_inline() noexcept { return {kind::run_inline, {}}; }

  /// Takes the place of the oldest call that waits for the loop's next turn, of whatever kind. That
  /// one ends as `bridge_full`, at its waiter or, posted, at options::on_unhandled_error; its
  /// callable is destroyed here, by the thread that takes its place.
  static constexpr when_full drop_oldest() noexcept { return {kind::drop_oldest, {}}; }

  enum class kind : std::uint8_t { block, refuse, run_inline, drop_oldest };
  constexpr kind what() const noexcept { return kind_; }
  /// Of block() and block_for(): when the patience of one who begins to wait now is over.
  detail::deadline until() const noexcept { return detail::deadline_after(patience_); }
  constexpr std::chrono::nanoseconds patience() const noexcept { return patience_; }

 private:
  constexpr when_full(kind k, std::chrono::nanoseconds patience) noexcept
      : kind_(k), patience_(patience) {}

  kind kind_;
  std::chrono::nanoseconds patience_;
};

}  // namespace loopbridge
