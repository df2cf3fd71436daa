#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/bound_call.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/detail/sync/ref_counted.hpp"
#include "loopbridge/detail/sync/slot_pool.hpp"

namespace loopbridge::detail {

/// What a reentrant_call reserves when it is made: the operation that its firings share, and a few
/// slots for those that wait.
///
/// A firing that waits has an operation of its own. It must not ride on the shared one: the frame
/// that took the shared one may be the very one that the waiting handler has interrupted, before
/// its push.
///
/// Home of `word_`: how many firings are not yet handed to the callable, and above them two marks:
///
///   queued  a firing has taken the shared operation to queue it; until the loop begins to run it
///   over    the bridge has ended, for good: nothing is counted any more
///
/// fire() adds one and sets `queued` in one step; the loop takes both away, in one step too. So a
/// firing that found the mark is counted in the run that is still to come. But there may come none:
/// the frame that took the operation may be refused, or stay where it was interrupted. So the core
/// knows all of these states, and its end sets `over` and reports what was counted before that.
///
/// Held by: the reentrant_call, and each operation of ours in the list.
class reentrant_state : public operation, public ref_counted<reentrant_state> {
 public:
  static constexpr unsigned wait_slots = 16;

  status fire() noexcept;
  status fire_and_wait(deadline until) noexcept;
  std::uint64_t coalesced() const noexcept { return coalesced_.load(std::memory_order_relaxed); }

  call_base* run(loop_core& core) noexcept override;
  call_base* refuse(loop_core& core) noexcept override;

  /// Refuses all later firings, and says how many are left that were accepted. By the thread that
  /// ends the bridge, when nothing of this is in the list, or by destroy(). Relaxed: they are not
  /// run.
  std::uint64_t end_firings() noexcept {
    return word_.exchange(over_mark, std::memory_order_relaxed) & count_mask;
  }
  std::source_location where() const noexcept { return where_; }

  // The core's list of all: under its mutex.
  reentrant_state* previous = nullptr;
  reentrant_state* following = nullptr;
  bool registered = false;

  /// By the last holder: reports firings that were accepted and then not run.
  void destroy() noexcept;

 protected:
  reentrant_state(loop_core& core, std::source_location where) noexcept;
  ~reentrant_state() = default;

  virtual void invoke(loop_ref loop, std::uint64_t firings) = 0;
  virtual void free_block() noexcept = 0;

  core_ptr core_;

 private:
  /// One firing that is waited for. `completion_` is that of a call: the waiter is its handle.
  class wait_slot final : public operation {
   public:
    call_base* run(loop_core& core) noexcept override;
    call_base* refuse(loop_core& core) noexcept override;

    reentrant_state* owner = nullptr;
    completion state;
    status result = status::answered;

   private:
    void finish() noexcept;
  };

  void report_as_stopped() noexcept;
  /// Loop: runs the callable for `extra` and all firings counted so far, which it takes off the
  /// word together with marks that are not to be kept.
  void run_callable(loop_core& core, std::uint64_t marks_kept, std::uint64_t extra) noexcept;

  static constexpr std::uint64_t over_mark = std::uint64_t{1} << 63;
  static constexpr std::uint64_t queued_mark = std::uint64_t{1} << 62;
  static constexpr std::uint64_t count_mask = queued_mark - 1;

  const std::source_location where_;
  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint64_t> coalesced_{0};  ///< a statistic: relaxed
  slot_bits waits_in_use_{wait_slots};
  wait_slot waits_[wait_slots];
};

template <class F>
class reentrant_state_of final : public reentrant_state {
  static constexpr bool takes_count =
      takes_loop<F&, std::uint64_t>() || std::is_invocable_v<F&, std::uint64_t>;
  static_assert(takes_count || takes_loop<F&>() || std::is_invocable_v<F&>,
                "the callable must accept (), (loop_ref), (count) or (loop_ref, count)");

 public:
  template <class G>
  reentrant_state_of(loop_core& core, std::source_location where, G&& f)
      : reentrant_state(core, where), f_(std::forward<G>(f)) {}

 private:
  void invoke([[maybe_unused]] loop_ref loop, [[maybe_unused]] std::uint64_t firings) override {
    if constexpr (takes_count) {
      nobody_waits_for<decltype(invoke_with_loop(f_, loop, std::uint64_t{firings}))>();
      invoke_with_loop(f_, loop, std::uint64_t{firings});
    } else {
      nobody_waits_for<decltype(invoke_with_loop(f_, loop))>();
      invoke_with_loop(f_, loop);
    }
  }
  void free_block() noexcept override {
    const core_ptr core = std::move(core_);
    destroy_in_block(this, core->memory());
  }

  F f_;
};

}  // namespace loopbridge::detail
