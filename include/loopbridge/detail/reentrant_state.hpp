#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/core_base.hpp"
#include "loopbridge/detail/slot_pool.hpp"

namespace loopbridge::detail {

/// What a reentrant_call reserves when it is made: the node that its firings share, and a few
/// slots for those that wait.
///
/// A firing that waits has a node of its own. It must not ride on the shared one: the frame that
/// took `queued_` may be the very one that the waiting handler has interrupted, before its push.
///
/// Home of `fired_`: firings not yet handed to the callable. fire() adds (release), the loop takes
/// all (acq_rel). Home of `queued_`: true from the first firing until the loop begins to run the
/// shared node. Both sides exchange it with acq_rel, and the loop takes `fired_` after it: a firing
/// that found it true is counted in the run that is still to come.
/// Counted: the reentrant_call, and each node of ours in the list.
class reentrant_state : public node {
 public:
  static constexpr unsigned wait_slots = 16;

  status fire() noexcept;
  status fire_and_wait(deadline until) noexcept;
  std::uint64_t coalesced() const noexcept { return coalesced_.load(std::memory_order_relaxed); }

  void run(core_base& core) noexcept override;
  void refuse(core_base& core) noexcept override;

  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release_ref() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) end();  // as in core_base
  }

 protected:
  reentrant_state(core_base& core, place where) noexcept;
  ~reentrant_state() = default;

  virtual void invoke(loop_ref loop, std::uint64_t firings) = 0;
  virtual void destroy() noexcept = 0;

  core_ptr core_;

 private:
  /// One firing that is waited for. `completion_` is that of a call: the waiter is its handle.
  class wait_slot final : public node {
   public:
    void run(core_base& core) noexcept override;
    void refuse(core_base& core) noexcept override;

    reentrant_state* owner = nullptr;
    completion state;
    status result = status::answered;

   private:
    void finish() noexcept;
  };

  /// The last hold is gone: reports firings that were accepted and then not run, and destroys.
  void end() noexcept;
  /// Loop: runs the callable for `extra` and all firings counted so far.
  void run_callable(core_base& core, std::uint64_t extra) noexcept;
  void release_wait(wait_slot& slot) noexcept;

  const place where_;
  std::atomic<std::uint64_t> fired_{0};
  std::atomic<bool> queued_{false};
  std::atomic<std::uint64_t> coalesced_{0};  ///< a statistic: relaxed
  std::atomic<std::uint32_t> refs_{1};
  slot_bits waits_in_use_{wait_slots};
  wait_slot waits_[wait_slots];
};

template <class F>
class reentrant_state_of final : public reentrant_state {
  static constexpr bool takes_both = std::is_invocable_v<F&, loop_ref, std::uint64_t>;
  static constexpr bool takes_count = std::is_invocable_v<F&, std::uint64_t>;
  static constexpr bool takes_loop = std::is_invocable_v<F&, loop_ref>;
  static_assert(takes_both || takes_count || takes_loop || std::is_invocable_v<F&>,
                "the callable must accept (), (loop_ref), (count) or (loop_ref, count)");

 public:
  template <class G>
  reentrant_state_of(core_base& core, place where, G&& f)
      : reentrant_state(core, where), f_(std::forward<G>(f)) {}

 private:
  void invoke([[maybe_unused]] loop_ref loop, [[maybe_unused]] std::uint64_t firings) override {
    if constexpr (takes_both) {
      f_(loop, firings);
    } else if constexpr (takes_count) {
      f_(firings);
    } else if constexpr (takes_loop) {
      f_(loop);
    } else {
      f_();
    }
  }
  void destroy() noexcept override {
    const core_ptr core = std::move(core_);
    destroy_in_block(this, core->memory());
  }

  F f_;
};

}  // namespace loopbridge::detail
