#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/blocks.hpp"
#include "loopbridge/detail/core_base.hpp"
#include "loopbridge/detail/invoke.hpp"
#include "loopbridge/detail/lane_ring.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

struct turn_clock;
template <class Clock>
class basic_turn_budget;
using turn_budget = basic_turn_budget<turn_clock>;

/// A lane between its two owners, the handle and the loop's register of lanes, and its ring.
///
/// It joins the register and leaves it by nodes of its own in the submission list, so that the
/// register is the loop's alone.
class lane_state {
 public:
  static lane_state* make(core_base& core, place where);

  /// The handle's: what was posted still runs.
  void drop_handle() noexcept;

  core_base& core() noexcept { return *core_; }
  place where() const noexcept { return where_; }

  /// What a post to the ring came to.
  enum class posted { accepted, stopped, no_room, entered_already };

  /// The fast path. Throws what the callable's move throws; the ring is as before then.
  template <class Bound, class... A>
  posted try_post(A&&... bound);
  /// Around a ring that is full or entered: through the submission list, yet after all that was
  /// posted before.
  template <class Bound, class... A>
  status spill(A&&... bound);
  /// Returns when there may be room, or the lane closes. False: in a forked child. Throws
  /// would_deadlock, like blocking_wait.
  bool wait_for_room();

  // Who holds the loop's turn.
  lane_ring ring;
  lane_state* following = nullptr;  ///< the register
  lane_state* previous = nullptr;
  bool registered = false;

  /// Runs what is published now, as far as the budget goes. True: it is spent.
  bool run_items(turn_budget& budget) noexcept { return run_items(ring.published(), budget); }
  /// Runs all that was posted before `position`.
  void run_items(std::uint64_t position) noexcept;
  /// Refuses all later posts; what was accepted is run or refused.
  void close(lane_ring::fate f) noexcept;
  /// So that it lasts while it is run; and the end of that, or of being registered.
  void hold() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  void release_register() noexcept { release(); }

 private:
  static constexpr std::uint32_t capacity = 1024;

  struct joining final : node {
    explicit joining(lane_state& lane) : lane_(lane) {}
    result_base* run(core_base& core) noexcept override;
    result_base* refuse(core_base& core) noexcept override;
    bool is_call() const noexcept override { return false; }
    lane_state& lane_;
  };
  struct leaving final : node {
    explicit leaving(lane_state& lane) : lane_(lane) {}
    result_base* run(core_base& core) noexcept override;
    result_base* refuse(core_base& core) noexcept override;
    bool is_call() const noexcept override { return false; }
    lane_state& lane_;
  };
  struct spilled_call : node {
    explicit spilled_call(lane_state& lane) : lane_(lane), position_(lane.ring.position()) {
      lane_.hold();
    }
    result_base* run(core_base& core) noexcept final;
    bool is_call() const noexcept final { return false; }  // nor are the lane's other ones
    virtual void end(core_base& core, lane_ring::fate f) noexcept = 0;
    lane_state& lane_;
    const std::uint64_t position_;

   protected:
    ~spilled_call() = default;
  };
  template <class Bound>
  class spilled;

  lane_state(core_base& core, place where, lane_ring::slot* of_ring) noexcept
      : ring(of_ring, capacity), core_(core), where_(where), slots_(of_ring) {}
  ~lane_state() = default;
  void release() noexcept;
  bool run_items(std::uint64_t position, turn_budget& budget) noexcept;
  bool end_items(std::uint64_t position, lane_ring::fate f, turn_budget& budget) noexcept;
  void wake_producer(std::atomic<std::uint32_t>* word) noexcept;
  /// Spilled posts not run yet hold back the ring.
  bool may_use_ring() noexcept { return spilled_ == unspilled_.load(std::memory_order_acquire); }

  core_ptr core_;
  const place where_;
  lane_ring::slot* const slots_;
  joining joining_{*this};
  leaving leaving_{*this};
  chain due_;                  ///< spilled calls that the list has come to; under the turn
  std::uint64_t spilled_ = 0;  ///< the producer's count
  /// Of those spilled, how many are over. Release, acquire: in the ring they come after.
  std::atomic<std::uint64_t> unspilled_{0};
  std::atomic<std::uint32_t> owners_{2};
};

/// What is in a slot: the callable, or where it is too large, a pointer to the block it is in.
template <class Bound>
struct lane_item {
  static constexpr bool fits = sizeof(Bound) <= lane_ring::closure_bytes && alignof(Bound) <= 8 &&
                               std::is_nothrow_move_constructible_v<Bound>;

  template <class... A>
  static void make(lane_ring::slot& s, [[maybe_unused]] core_base& core, A&&... bound) {
    if constexpr (fits) {
      ::new (static_cast<void*>(s.closure)) Bound(std::forward<A>(bound)...);
    } else {
      Bound* const made = make_in_block<Bound>(core.memory(), std::forward<A>(bound)...);
      ::new (static_cast<void*>(s.closure)) Bound*(made);
    }
    s.end = &end;
  }

  static void end(std::byte* closure, core_base& core, void* lane, lane_ring::fate f) noexcept {
    const place where = static_cast<lane_state*>(lane)->where();
    if constexpr (fits) {
      Bound* const in_slot = std::launder(reinterpret_cast<Bound*>(closure));
      Bound here(std::move(*in_slot));  // the slot may be filled anew while it runs
      in_slot->~Bound();
      end(here, core, where, f);
    } else {
      Bound* const there = *std::launder(reinterpret_cast<Bound**>(closure));
      end(*there, core, where, f);
      destroy_in_block(there, core.memory());
    }
  }

  static void end(Bound& callable, core_base& core, place where, lane_ring::fate f) noexcept {
    if (f == lane_ring::fate::refuse) {
      return core.unhandled(make_error(failure::stopped, where), where);
    }
    try {
      callable(core.loop());
    } catch (...) {
      core.unhandled(std::current_exception(), where);
    }
  }

  /// The producer's own item came back.
  static void destroy(lane_ring::slot& s, [[maybe_unused]] core_base& core) noexcept {
    if constexpr (fits) {
      std::launder(reinterpret_cast<Bound*>(s.closure))->~Bound();
    } else {
      destroy_in_block(*std::launder(reinterpret_cast<Bound**>(s.closure)), core.memory());
    }
  }
};

template <class Bound>
class lane_state::spilled final : public spilled_call {
 public:
  template <class... A>
  explicit spilled(lane_state& lane, A&&... bound)
      : spilled_call(lane), callable_(std::forward<A>(bound)...) {}
  result_base* refuse(core_base& core) noexcept override {
    end(core, lane_ring::fate::refuse);
    return nullptr;
  }
  /// The list refused it.
  void undo() noexcept {
    lane_state& lane = lane_;
    destroy_in_block(this, lane.core().memory());
    lane.release();
  }

 private:
  void end(core_base& core, lane_ring::fate f) noexcept override {
    lane_item<Bound>::end(callable_, core, lane_.where(), f);
    lane_.unspilled_.fetch_add(1, std::memory_order_release);  // pairs with may_use_ring()
    undo();
  }

  Bound callable_;
};

template <class Bound, class... A>
lane_state::posted lane_state::try_post(A&&... bound) {
  if (!ring.enter()) return posted::entered_already;
  struct leave_at_end {
    ~leave_at_end() { ring.leave(); }
    lane_ring& ring;
  };
  lane_ring::slot* last = nullptr;
  {
    const leave_at_end leaves{ring};
    if (!ring.knows_room() && !may_use_ring()) return posted::no_room;
    lane_ring::slot* const s = ring.room();
    if (s == nullptr) return ring.is_closing() ? posted::stopped : posted::no_room;
    lane_item<Bound>::make(*s, *core_, std::forward<A>(bound)...);
    ring.publish();
    if (!ring.is_settled() && !ring.settle(last)) {
      lane_item<Bound>::destroy(*last, *core_);
      return posted::stopped;
    }
  }
  core_->wake();
  return posted::accepted;
}

template <class Bound, class... A>
status lane_state::spill(A&&... bound) {
  using call = spilled<Bound>;
  core_base& core = *core_;
  call* const c = make_in_block<call>(core.memory(), *this, std::forward<A>(bound)...);
  ++spilled_;  // before room is looked for anew, which a handler might do here
  std::atomic_signal_fence(std::memory_order_seq_cst);
  ring.distrust_room();
  const status s = core.submit(*c);
  if (s != status::accepted) {
    --spilled_;
    c->undo();
  }
  return s;
}

}  // namespace loopbridge::detail
