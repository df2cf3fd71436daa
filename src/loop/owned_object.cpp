#include "loopbridge/detail/loop/owned_object.hpp"

#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"

namespace loopbridge::detail {
namespace {

/// Blocks whose owner was the last to let go: after the bridge's end, or because the loop had ended
/// the object before the owner had rung the bell. The owner may be in the midst of malloc, so it
/// leaves them to the next thread that makes something, or to the exit.
constinit submission_list<operation> parked;

const struct freed_at_exit {
  ~freed_at_exit() { owned_object::free_parked(); }
} at_exit;

}  // namespace

void owned_object::let_go() noexcept {
  if (core_->submit(*this) != status::accepted) {
    if (!core_->is_this_process()) return;  // in a child the object is the parent's
    (void)let_go_of_hold();                 // the list's
  }
  if (!let_go_of_hold()) return;
  // A resource of the program's may be gone when another thread comes by.
  if (core_->memory() != nullptr) return free_block();
  parked.push(*this);
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
}

}  // namespace loopbridge::detail
