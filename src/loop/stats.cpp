#include "loopbridge/stats.hpp"

#include <algorithm>

#include "loop/core.hpp"

namespace loopbridge::detail {

namespace {
/// Of two counts that are read one after the other.
std::uint64_t difference(std::uint64_t more, std::uint64_t less) noexcept {
  return more > less ? more - less : 0;
}
}  // namespace

statistics core::stats() const noexcept {
  const counters& c = counts_;
  statistics s;
  const std::uint64_t ended = c.ended.get();  // before `taken`: there are no fewer of those
  const std::uint64_t taken = c.taken.get();
  const std::uint64_t unseen = gate_ ? gate_->queued() : 0;
  s.cancelled = c.cancelled.get();
  s.stopped = difference(c.refused_at_end.get(), c.internal_refused.get());
  s.refused = c.refused.get();
  s.accepted = difference(taken, c.internal.get()) + unseen;
  s.run = difference(ended, c.internal.get() + c.cancelled_in_queue.get() + s.stopped);
  s.queued = difference(taken, ended) + unseen;
  s.most_queued = std::max(c.most_taken.get(), s.queued);
  s.blocked = difference(c.blocks_begun.get(), c.blocks_ended.get());
  s.waiting = difference(difference(c.waits_begun.get(), c.waits_ended.get()), s.blocked);
  s.rings = c.rings.get();
  s.rings_saved = difference(s.accepted, s.rings);
  s.sleeps = c.sleeps.get();
  s.longest_turn = std::chrono::milliseconds(c.longest_turn.get());
  s.longest_callback = std::chrono::nanoseconds(c.longest_call.get());
  s.longest_callback_from = c.longest_from.get();
  return s;
}

}  // namespace loopbridge::detail
