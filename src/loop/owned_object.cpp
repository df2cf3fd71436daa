#include "loopbridge/detail/loop/owned_object.hpp"

#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"

namespace loopbridge::detail {
namespace {

/// Blocks whose owner was the last to let go, after the bridge's end. The owner may have done so in
/// the midst of malloc, so it leaves them to the next thread that makes something, or to the exit.
constinit submission_list<operation> parked;
/// The same of cores: whose bridge ended while the owner was about to ring the bell.
constinit std::atomic<loop_core*> parked_cores{nullptr};

const struct freed_at_exit {
  ~freed_at_exit() { owned_object::free_parked(); }
} at_exit;

}  // namespace

void owned_object::let_go() noexcept {
  loop_core& core = *core_;
  core.add_ref();  // once the loop has this, it may end this, and itself, before the bell is rung
  const bool refused = core.submit(*this) != status::accepted;
  if (!core.is_this_process()) return;  // in a child the object is the parent's
  if (refused && let_go_of_hold()) {
    core.release_ref_not_last();  // the block holds it, too
    // A resource of the program's may be gone when another thread comes by.
    if (core.memory() != nullptr) return free_block();
    parked.push(*this);
    return;
  }
  if (!core.drop_ref()) return;
  core.next_parked_ = parked_cores.load();
  while (!parked_cores.compare_exchange_weak(core.next_parked_, &core)) continue;
}

void owned_object::end_object() noexcept {
  is_over_ = true;
  core_->unregister(*this);
  if (uses_ == 0) destroy_object();
}

void owned_object::destroy_object() noexcept {
  run_unanswered(*core_, where_, [this] { destroy_(object_); });
  if (let_go_of_hold()) free_block();
}

void owned_object::go(loop_core&) noexcept {
  end_object();
  if (let_go_of_hold()) free_block();
}

/// The object is left to the bridge's end, which may be on another thread.
void owned_object::end(loop_core&) noexcept {
  if (let_go_of_hold()) free_block();
}

void owned_object::free_block() noexcept {
  const core_ptr core = std::move(core_);
  std::pmr::memory_resource* const memory = core->memory();
  this->~owned_object();
  release_block(block_, size_, memory);
}

void owned_object::free_parked() noexcept {
  batch taken = parked.take();
  while (operation* const n = taken.pop()) {
    auto& o = static_cast<owned_object&>(*n);
    if (o.core_->is_this_process()) o.free_block();
  }
  loop_core* last = parked_cores.exchange(nullptr);
  while (last != nullptr) {
    const core_ptr core(*last);  // the only hold
    last = core->next_parked_;
  }
}

}  // namespace loopbridge::detail
