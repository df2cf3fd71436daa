#include "loop/wait_chain.hpp"
#include "loopbridge/detail/call/deferred_state.hpp"

namespace loopbridge::detail {

void deferred_base::deliver() noexcept {
  // Pairs with attach(): release for the outcome, acquire for the call and core_.
  const std::uintptr_t call = link_.exchange(settled_mark, std::memory_order_acq_rel);
  if (call == 0) return;  // the loop will attach the call, and pass the outcome on
  answered_call& answered = *reinterpret_cast<answered_call*>(call);
  loop_core& core = *core_;
  answered.take_from(*this);
  empty();
  // On the loop's own thread nothing of this is left behind when the waiter has its answer.
  const bool here = core.try_unregister(*this);
  answered.complete_waiting();  // it may be gone now; the caller holds this
  if (!here) core.unregister_later(*this);
}

bool deferred_base::attach(answered_call& call) noexcept {
  std::uintptr_t none = 0;
  // Pairs with deliver(): release for the call and core_, acquire for the outcome.
  return link_.compare_exchange_strong(none, reinterpret_cast<std::uintptr_t>(&call),
                                       std::memory_order_release, std::memory_order_acquire);
}

void deferred_base::fail(status s) noexcept {
  // Relaxed: attached before, by the holder of the drain lock, which is the caller.
  reinterpret_cast<answered_call*>(link_.load(std::memory_order_relaxed))->fail_waiting(s);
}

void deferred_base::end_as(status s) noexcept {
  if (!claim_as_cancelled()) return;
  core_->unregister_later(*this);
  fail(s);
}

void deferred_base::awaits(call_base& call) noexcept {
  awaits_.store(&call);
  // Before it is attached, nobody waits for this yet; attaching looks again.
  if (link_.load() > settled_mark) end_if_circular();
}

void deferred_base::awaits_no_more() noexcept {
  if (awaits_.load() == nullptr) return;
  awaits_.store(nullptr);
  wait_chain::until_nobody_looks();  // the call may go, then
}

void deferred_base::awaits(held_lock& lock) noexcept {
  awaits_lock_.store(&lock);
  process_mark::looked_at().waiting.fetch_add(1);
  if (link_.load() > settled_mark) end_if_circular();  // as above
}

void deferred_base::awaits_lock_no_more() noexcept {
  if (awaits_lock_.exchange(nullptr) == nullptr) return;
  process_mark::looked_at().waiting.fetch_sub(1);
  wait_chain::until_nobody_looks();  // the lock may go, then
}

void deferred_base::end_if_circular() noexcept {
  if (awaits_.load() == nullptr && awaits_lock_.load() == nullptr) return;
  if (wait_chain::leads_back_to(*this)) end_as(status::would_deadlock);
}

void deferred_base::finish_cancel_hook() noexcept {
  hook_is_due_ = is_cancelled();
  const hook_ptr hook = std::move(hook_);
  if (hook == nullptr || !hook_is_due_) return;
  try {
    (*hook)();
  } catch (...) {
    core_->unhandled(std::current_exception(), where_);
  }
}

void deferred_base::destroy() noexcept {
  empty();
  std::pmr::memory_resource* const memory = memory_;
  void* const block = block_;
  const std::size_t size = size_;
  this->~deferred_base();
  release_block(block, size, memory);
}

void deferred_base::unregistration::go(loop_core& core) noexcept {
  core.unregister(of_);
  of_.release_ref();  // the list's
}

void deferred_base::unregistration::end(loop_core& core) noexcept {
  go(core);
}

}  // namespace loopbridge::detail
