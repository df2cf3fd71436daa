#include "loopbridge/detail/reentrant_post.hpp"
#include "loopbridge/detail/reentrant_state.hpp"
#include "loopbridge/detail/watch.hpp"
#include "loopbridge/errors.hpp"

// The calls that handlers and finalizers make. Everything up to core_base::submit and the wait runs
// at an arbitrary instruction of the thread: atomics and raw system calls only.
namespace loopbridge::detail {

void reentrant_post::run(core_base& core) noexcept {
  alignas(std::max_align_t) std::byte bytes[capacity];
  std::memcpy(bytes, bytes_, capacity);
  // A collector that looks through free slots must not find there what the closure pointed to.
  std::memset(bytes_, 0, capacity);
  const auto invoke = invoke_;
  const place where = where_;
  home_->release(*this);  // first, so that the callable finds room to post again
  try {
    const watched_call watched(core, where);
    invoke(bytes, core.loop());
  } catch (...) {
    core.unhandled(std::current_exception(), where);
  }
}

void reentrant_post::refuse(core_base& core) noexcept {
  std::memset(bytes_, 0, capacity);
  const place where = where_;
  home_->release(*this);
  core.unhandled(make_error(failure::stopped, where), where);
}

reentrant_state::reentrant_state(core_base& core, place where) noexcept
    : core_(core), where_(where) {
  for (wait_slot& slot : waits_) slot.owner = this;
}

void reentrant_state::end() noexcept {
  if (fired_.load(std::memory_order_relaxed) != 0 && core_->is_this_process()) {
    core_->unhandled(make_error(failure::stopped, where_), where_);
  }
  destroy();
}

status reentrant_state::fire() noexcept {
  core_base& core = *core_;
  if (!core.is_this_process()) return status::wrong_process;
  if (core.is_closed()) return core.counts().refused.add(), status::stopped;
  fired_.fetch_add(1, std::memory_order_release);
  if (queued_.exchange(true, std::memory_order_acq_rel)) {
    coalesced_.fetch_add(1, std::memory_order_relaxed);
    return status::accepted;
  }
  add_ref();  // the list's
  const status s = core.submit(*this);
  if (s == status::accepted) return s;
  refs_.fetch_sub(1, std::memory_order_relaxed);  // not the last: the reentrant_call holds one
  // Closed meanwhile. The count cannot be taken back: a run for others (handlers inside this call,
  // say) may have taken this firing along. So it is accepted: it has run, or end() reports it.
  return s == status::stopped ? status::accepted : s;
}

status reentrant_state::fire_and_wait(deadline until) noexcept {
  core_base& core = *core_;
  if (!core.is_this_process()) return status::wrong_process;
  if (core.is_closed()) return core.counts().refused.add(), status::stopped;
  if (core.on_loop_thread()) return status::would_deadlock;
  if (!core.handler_may_wait()) return status::unsupported;
  const unsigned index = waits_in_use_.claim();
  if (index == slot_bits::none) {
    core.counts().refused.add();
    return core.is_closed() ? status::stopped : status::exhausted;
  }
  wait_slot& slot = waits_[index];
  slot.state.reset();
  slot.result = status::answered;
  add_ref();  // the list's
  if (const status s = core.submit(slot); s != status::accepted) {
    core.counts().refused.add();
    waits_in_use_.release(index);
    refs_.fetch_sub(1, std::memory_order_relaxed);  // as in fire()
    return s;
  }
  core.counts().waits_begun.add();
  const bool ended = slot.state.wait(until, core.process());
  core.counts().waits_ended.add();
  const status s = ended                    ? slot.result
                   : core.is_this_process() ? status::timed_out
                                            : status::wrong_process;
  // Of waiter and loop, the second to let go gives the slot back.
  if (slot.state.release_handle()) waits_in_use_.release(index);
  return s;
}

void reentrant_state::run_callable(core_base& core, std::uint64_t extra) noexcept {
  // acquire: pairs with fire(), so that the callable sees what was done before each firing.
  const std::uint64_t firings = fired_.exchange(0, std::memory_order_acquire) + extra;
  if (firings == 0) return;  // a waiting firing has taken them along
  try {
    const watched_call watched(core, where_);
    invoke(core.loop(), firings);
  } catch (...) {
    core.unhandled(std::current_exception(), where_);
  }
}

void reentrant_state::run(core_base& core) noexcept {
  queued_.exchange(false, std::memory_order_acq_rel);  // before: a firing from now on needs a run
  run_callable(core, 0);
  release_ref();
}

void reentrant_state::refuse(core_base& core) noexcept {
  // Zero if a waiting firing took them along. Relaxed: only their number matters, nothing is run.
  if (fired_.exchange(0, std::memory_order_relaxed) != 0) {
    core.unhandled(make_error(failure::stopped, where_), where_);
  }
  release_ref();
}

void reentrant_state::wait_slot::run(core_base& core) noexcept {
  reentrant_state& state_of_call = *owner;
  state.try_start();
  state_of_call.run_callable(core, 1);
  finish();
}

void reentrant_state::wait_slot::refuse(core_base&) noexcept {
  state.try_start();
  result = status::stopped;
  finish();
}

void reentrant_state::wait_slot::finish() noexcept {
  reentrant_state& state_of_call = *owner;
  const auto index = static_cast<unsigned>(this - state_of_call.waits_);
  if (state.publish(completion::running, true)) state_of_call.waits_in_use_.release(index);
  state_of_call.release_ref();
}

}  // namespace loopbridge::detail
