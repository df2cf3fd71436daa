#include <new>

#include "core.hpp"
#include "links.hpp"
#include "loopbridge/detail/blocking_wait.hpp"
#include "loopbridge/detail/lane_state.hpp"

// Lanes: their life, how a producer waits for room, and the loop's part in its turn.
namespace loopbridge::detail {

lane_state* lane_state::make(core_base& core, place where) {
  constexpr std::size_t bytes = capacity * sizeof(lane_ring::slot);
  auto* const slots = static_cast<lane_ring::slot*>(allocate_block(bytes, core.memory()));
  lane_state* made = nullptr;
  try {
    // Not in a block, which is not aligned to cache lines.
    made = new lane_state(core, where, slots);
  } catch (...) {
    release_block(slots, bytes, core.memory());
    throw;
  }
  const status s = core.submit(made->joining_);
  if (s != status::accepted) {
    made->owners_.store(1, std::memory_order_relaxed);
    made->release();
  }
  throw_unless_ok(s, where);
  return made;
}

void lane_state::release() noexcept {
  // acq_rel: as in core_base. The slots are empty: what was accepted has ended.
  if (owners_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  release_block(slots_, capacity * sizeof(lane_ring::slot), core_->memory());
  delete this;
}

void lane_state::drop_handle() noexcept {
  // In a child nothing is touched; the lane stays, like the rest of the parent's memory.
  if (!core_->is_this_process()) return;
  // Stopped: the register ends it, or has done so. Else the hold passes on to the node.
  if (core_->submit(leaving_) != status::accepted) release();
}

result_base* lane_state::joining::run(core_base& core) noexcept {
  core.counts().not_calls.add_alone();
  core.add_lane(lane_);
  return nullptr;
}
result_base* lane_state::joining::refuse(core_base&) noexcept {
  lane_.close(lane_ring::fate::refuse);
  lane_.release();
  return nullptr;
}

result_base* lane_state::leaving::run(core_base& core) noexcept {
  core.counts().not_calls.add_alone();
  lane_.run_items(lane_.ring.published());
  core.remove_lane(lane_);
  lane_.release();
  return nullptr;
}
result_base* lane_state::leaving::refuse(core_base&) noexcept {
  lane_.release();
  return nullptr;
}

/// The list has come to it: after all that was posted to the lane before. What runs until then may
/// nest a uv_run, in which the list comes to the next one: so they queue up once more.
result_base* lane_state::spilled_call::run(core_base& core) noexcept {
  core.counts().not_calls.add_alone();
  lane_state& lane = lane_;
  lane.hold();  // this may be gone before the last of them has run
  next = nullptr;
  lane.due_.append({this, this});
  while (lane.due_.oldest != nullptr) {
    auto& first = static_cast<spilled_call&>(*lane.due_.oldest);
    if (lane.ring.taken() < first.position_) {
      lane.run_items(first.position_);
      continue;
    }
    lane.due_.pop();
    first.end(core, lane_ring::fate::run);
  }
  lane.release();
  return nullptr;
}

bool lane_state::wait_for_room() {
  // The loop needs some 30 us for a whole lane, less than it takes to sleep and be woken. But if it
  // shares this CPU it gets nowhere while we pause: a lane is twice as fast then for yielding.
  constexpr int pauses = 400;
  constexpr int yields = 8;
  const auto* const spinning = core_->spinning();
  const bool shares_cpu = spinning != nullptr && spinning->loop.cpu() == current_cpu();
  for (int looks = shares_cpu ? pauses : 0; looks < pauses + yields; ++looks) {
    if (ring.has_room() || ring.is_closing()) return true;
    looks < pauses ? pause_cpu() : yield_cpu();
  }
  const blocking_wait waiting(*core_, where_, blocking_wait::how::timed);
  const auto* const word = ring.wait_for_room();
  return word == nullptr || futex_wait(*word, 1, no_deadline, core_->process());
}

void lane_state::wake_producer(std::atomic<std::uint32_t>* word) noexcept {
  if (word != nullptr) futex_wake_all(*word);
}

void lane_state::run_items(std::uint64_t position) noexcept {
  turn_budget unlimited = turn_budget::unlimited();
  run_items(position, unlimited);
}

bool lane_state::run_items(std::uint64_t position, turn_budget& budget) noexcept {
  const std::uint64_t first = ring.taken();
  const bool spent = end_items(position, lane_ring::fate::run, budget);
  if (ring.taken() != first) {
    ring.note_traffic(ring.taken() - first);
    wake_producer(ring.publish_head());
  }
  return spent;
}

/// True: the budget is spent.
bool lane_state::end_items(std::uint64_t position, lane_ring::fate f,
                           turn_budget& budget) noexcept {
  core_base& core = *core_;
  constexpr std::uint64_t published_at_least_every = 128;
  // A callable that nests uv_run may get here again, and take what follows.
  while (ring.taken() < position) {
    if (budget.is_spent()) return true;
    if (ring.taken() % published_at_least_every == 0) wake_producer(ring.publish_head());
    lane_ring::slot& s = ring.next();
    s.end(s.closure, core, this, f);
  }
  return false;
}

void lane_state::close(lane_ring::fate f) noexcept {
  ring.close();
  fence_all_threads();  // for producers that have left out their part of the fence
  turn_budget unlimited = turn_budget::unlimited();
  end_items(ring.last(), f, unlimited);
  wake_producer(ring.publish_head());
}

void core::add_lane(lane_state& lane) noexcept {
  link_first(lanes_, lane);
  lane.registered = true;
}

void core::remove_lane(lane_state& lane) noexcept {
  if (!lane.registered) return;
  lane.registered = false;
  if (next_lane_ == &lane) next_lane_ = lane.following;
  unlink(lanes_, lane);
  lane.release_register();
}

/// One pass over all lanes. Where it is belongs to the core, as the snapshot does: a callable may
/// nest a uv_run, and end a lane in it.
void core::run_lanes(turn_budget& budget) noexcept {
  if (next_lane_ == nullptr) next_lane_ = lanes_;
  while (next_lane_ != nullptr) {
    // Asked for each, as run_queued() does for the list's: close_lanes() ends what is left.
    if (opts_.on_stop == queued_calls::refuse && list_.closed()) return;
    lane_state& lane = *next_lane_;
    next_lane_ = lane.following;
    lane.hold();
    const bool spent = lane.run_items(budget);
    lane.release_register();
    if (!is_this_process() || spent) return;
  }
}

/// What a sleep needs besides the bell's arming, which comes before. Is there anything to do?
bool core::has_work_when_armed() noexcept {
  return look_at_lanes([this] {
    bool any_loud = false;
    for (lane_state* l = lanes_; l != nullptr; l = l->following) any_loud |= l->ring.arm();
    if (any_loud) fence_all_threads();
    return is_there_work();
  });
}

bool core::has_work() noexcept {
  return has_rest_ || list_.has_news() || look_at_lanes([this] { return is_there_work(); });
}

bool core::is_there_work() const noexcept {
  if (has_rest_ || list_.has_news()) return true;
  for (const lane_state* l = lanes_; l != nullptr; l = l->following) {
    if (l->ring.has_items()) return true;
  }
  return false;
}

/// The lanes are the turn's, also to be looked at: a stop() on another thread than the adopted
/// loop's takes the turn, and ends them. True: it does so just now, or `look` says so.
template <class Look>
bool core::look_at_lanes(Look look) noexcept {
  if (!adopted_ || draining_) return look();
  if (!try_take_turn()) return true;  // its news keeps the loop turning until it is done
  const bool found = look();
  give_turn_back(std::memory_order_seq_cst);
  return found;  // a stop() elsewhere that found the turn taken relies on after_poll(), which
                 // follows
}

/// The bridge ends: all lanes refuse from now on. Who holds the turn.
void core::close_lanes(lane_ring::fate f) noexcept {
  while (lanes_ != nullptr) {
    lane_state& lane = *lanes_;
    lane.hold();
    remove_lane(lane);
    lane.close(f);
    lane.release_register();
  }
}

}  // namespace loopbridge::detail
