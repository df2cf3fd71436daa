#include <cstring>
#include <exception>

#include "loopbridge/detail/handlers/reentrant_post.hpp"
#include "loopbridge/detail/handlers/reentrant_state.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"
#include "loopbridge/errors.hpp"

// The calls that handlers and finalizers make. Everything up to loop_core::submit and the wait runs
// at an arbitrary instruction of the thread: atomics and raw system calls only.
namespace loopbridge::detail {

call_base* reentrant_post::run(loop_core& core) noexcept {
  alignas(std::max_align_t) std::byte bytes[capacity];
  std::memcpy(bytes, bytes_, capacity);
  // A collector that looks through free slots must not find there what the closure pointed to.
  std::memset(bytes_, 0, capacity);
  const auto invoke = invoke_;
  const std::source_location where = where_;
  core.reentrant_slots().release(*this);  // first, so that the callable finds room to post again
  run_unanswered(core, where, [&] { invoke(bytes, core.loop()); });
  return nullptr;
}

call_base* reentrant_post::refuse(loop_core& core) noexcept {
  std::memset(bytes_, 0, capacity);
  const std::source_location where = where_;
  core.reentrant_slots().release(*this);
  core.unhandled(make_error(status::bridge_stopped, where), where);
  return nullptr;
}

reentrant_state::reentrant_state(loop_core& core, std::source_location where) noexcept
    : core_(core), where_(where) {
  for (wait_slot& slot : waits_) slot.owner = this;
}

void reentrant_state::destroy() noexcept {
  core_->unregister(*this);
  if (end_firings() != 0 && core_->is_this_process()) report_as_stopped();
  free_block();
}

void reentrant_state::report_as_stopped() noexcept {
  core_->unhandled(make_error(status::bridge_stopped, where_), where_);
}

status reentrant_state::fire() noexcept {
  loop_core& core = *core_;
  if (!core.is_this_process()) return status::wrong_process;
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    if ((word & over_mark) != 0 || core.is_closed() || core.is_closed_to_caller()) {
      core.counts().refused.add();
      return status::bridge_stopped;
    }
    // release: the run that counts this firing sees what was done before it. acquire: the firing
    // that finds the operation free has it alone, the loop having read its `next`; pairs with
    // run_callable().
  } while (!word_.compare_exchange_weak(word, (word | queued_mark) + 1, std::memory_order_acq_rel,
                                        std::memory_order_relaxed));
  if ((word & queued_mark) != 0) {
    coalesced_.fetch_add(1, std::memory_order_relaxed);
    return status::accepted;
  }
  add_ref();  // the list's
  const status s = core.submit(*this);
  if (s == status::accepted) return s;
  release_ref_not_last();  // the reentrant_call holds one
  // Closed meanwhile. The count cannot be taken back: a run for others (handlers inside this call,
  // say) may have taken this firing along, and others may rely on it for theirs. So it is accepted:
  // it has run, or the bridge's end, or destroy(), whichever comes first, reports it.
  return s == status::bridge_stopped ? status::accepted : s;
}

status reentrant_state::fire_and_wait(deadline until) noexcept {
  loop_core& core = *core_;
  if (!core.is_this_process()) return status::wrong_process;
  if (core.is_closed() || core.is_closed_to_caller()) {
    return core.counts().refused.add(), status::bridge_stopped;
  }
  if (core.on_loop_thread()) return status::would_deadlock;
  if (!core.handler_may_wait()) return status::unsupported;
  const unsigned index = waits_in_use_.claim();
  if (index == slot_bits::none) {
    core.counts().refused.add();
    return core.is_closed() ? status::bridge_stopped : status::exhausted;
  }
  wait_slot& slot = waits_[index];
  slot.state.reset();
  slot.result = status::answered;
  add_ref();  // the list's
  if (const status s = core.submit(slot); s != status::accepted) {
    core.counts().refused.add();
    waits_in_use_.release(index);
    release_ref_not_last();  // as in fire()
    return s;
  }
  core.counts().waits_begun.add();
  slot.state.wait(until, core.process());
  core.counts().waits_ended.add();
  // The second of waiter and loop to let go gives the slot back. If the loop's answer came just
  // after the time was up, it is returned all the same: nobody else would get it.
  if (!slot.state.release_handle()) {
    return core.is_this_process() ? status::timed_out : status::wrong_process;
  }
  const status s = slot.result;
  waits_in_use_.release(index);
  return s;
}

void reentrant_state::run_callable(loop_core& core, std::uint64_t marks_kept,
                                   std::uint64_t extra) noexcept {
  // acquire: the callable sees what was done before each firing. release: gives the operation,
  // whose `next` was read, back to the next firing, unless its mark is kept. Pairs with fire().
  const std::uint64_t firings =
      (word_.fetch_and(marks_kept, std::memory_order_acq_rel) & count_mask) + extra;
  if (firings == 0) return;  // a waiting firing has taken them along
  run_unanswered(core, where_, [&] { invoke(core.loop(), firings); });
}

call_base* reentrant_state::run(loop_core& core) noexcept {
  run_callable(core, over_mark, 0);
  release_ref();
  return nullptr;
}

/// The count stays, for the bridge's end, which follows, or for destroy().
call_base* reentrant_state::refuse(loop_core&) noexcept {
  release_ref();
  return nullptr;
}

call_base* reentrant_state::wait_slot::run(loop_core& core) noexcept {
  reentrant_state& state_of_call = *owner;
  state.try_start();
  state_of_call.run_callable(core, ~count_mask, 1);
  finish();
  return nullptr;
}

call_base* reentrant_state::wait_slot::refuse(loop_core&) noexcept {
  state.try_start();
  result = status::bridge_stopped;
  finish();
  return nullptr;
}

void reentrant_state::wait_slot::finish() noexcept {
  reentrant_state& state_of_call = *owner;
  const auto index = static_cast<unsigned>(this - state_of_call.waits_);
  if (state.publish(completion::running, true)) {
    // The waiter's time was up, and it has returned `timed_out`: the firing would still run.
    if (result == status::bridge_stopped) state_of_call.report_as_stopped();
    state_of_call.waits_in_use_.release(index);
  }
  state_of_call.release_ref();
}

}  // namespace loopbridge::detail
