#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/core_base.hpp"

namespace loopbridge::detail {

/// How much a loop has yet to do, as far as bridge_group::least_queued() cares: an estimate that
/// costs the calls themselves nothing.
///
/// Without a capacity, bridge::stats() knows only of the turn that is being run; what has come
/// since is what matters here. Counting calls as they come and as they end would be two contended
/// additions for each, and would need a wrapper around every callable. Instead, whoever is handed
/// the loop is counted, and now and then a mark is queued behind what is there: when it is run, the
/// loop has caught up to where the count stood. At most one mark is under way, so an overloaded
/// loop gets none that are of no use, and its estimate grows. A sleeping loop needs no mark: it has
/// caught up.
///
/// Counted like a reentrant_call's state: the group and the list each hold it, since a group may be
/// destroyed on the thread of one of its loops, which then goes on for a moment. It says nothing of
/// a stop: a mark is nobody's call.
///
/// The atomics have the default order: they are estimates, and none publishes anything.
class outstanding final : public node {
 public:
  struct release {
    void operator()(outstanding* o) const noexcept { o->release_ref(); }
  };
  using pointer = std::unique_ptr<outstanding, release>;

  static pointer of(core_base& core) {
    return pointer(make_in_block<outstanding>(core.memory(), core));
  }

  explicit outstanding(core_base& core) noexcept : core_(core) {}

  /// 0: the loop sleeps. Any thread, any handler.
  std::uint64_t estimate() noexcept {
    if (core_->is_asleep()) {
      caught_up_ = handed_out_.load();
      return 0;
    }
    const std::uint64_t done = caught_up_;  // first: it never overtakes the other
    return 1 + handed_out_ - done;
  }

  /// Somebody is about to submit to the loop. Any thread, any handler.
  void hand_out() noexcept {
    const std::uint64_t count = ++handed_out_;
    // A mark must not be what wakes the loop, and for a single call it is not worth it.
    if (count - caught_up_ < 2 || core_->is_asleep() || queued_.exchange(true)) return;
    marked_ = count;
    add_ref();
    if (core_->submit(*this) == status::accepted) return;
    --refs_;  // not the last: the group holds one. Stopped for good, and so `queued_` stays.
  }

  result_base* run(core_base& core) noexcept override {
    core.counts().not_calls.add_alone();
    caught_up_ = marked_.load();
    queued_ = false;
    release_ref();
    return nullptr;
  }
  result_base* refuse(core_base&) noexcept override {
    release_ref();
    return nullptr;
  }
  bool is_call() const noexcept override { return false; }

 private:
  void add_ref() noexcept { ++refs_; }
  void release_ref() noexcept {
    if (--refs_ != 0) return;
    const core_ptr core = std::move(core_);
    destroy_in_block(this, core->memory());
  }

  core_ptr core_;
  std::atomic<std::uint64_t> handed_out_{0};
  std::atomic<std::uint64_t> caught_up_{0};
  std::atomic<std::uint64_t> marked_{0};
  std::atomic<bool> queued_{false};
  std::atomic<std::uint32_t> refs_{1};
};

}  // namespace loopbridge::detail
