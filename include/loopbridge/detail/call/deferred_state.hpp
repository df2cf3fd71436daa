#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/call/outcome.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/sync/ref_counted.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

class deferred_base;

/// A call that may wait for a deferred, which knows no more of it than this.
class answered_call : public operation {
 public:
  /// Takes the outcome of `answer`, which is settled ...
  virtual void take_from(deferred_base& answer) noexcept = 0;
  /// ... and releases the waiters. The call may be gone then.
  virtual void complete_waiting() noexcept = 0;
  /// Both, with a failure in place of an outcome.
  virtual void fail_waiting(status s) noexcept = 0;

 protected:
  ~answered_call() = default;
};

/// What runs when nobody wants a deferred's result any more. destroy() comes last, in any case.
class cancel_hook {
 public:
  virtual void operator()() = 0;
  virtual void destroy() noexcept = 0;

 protected:
  ~cancel_hook() = default;
};

/// A lock that one task has and others wait for. Home of `by`, what that task answers by: written
/// by the loop of these tasks, read by wait_chain, in default orders.
struct held_lock {
  std::atomic<deferred_base*> by{nullptr};
};

/// The shared state of a deferred and its completer, without the value: which side settles it,
/// which call it answers, and what to run when nobody wants it any more.
///
/// Home of `claim_`: open -> resolved (the completer, or its end) or open -> cancelled (a
/// canceller, or stop). One exchange decides, so exactly one of them completes the call. Relaxed:
/// the completing thread knows the call by completion's word or by link_, never by the claim.
///
/// Home of `link_`: 0 -> the call that is answered (attach, loop) -> settled_mark (the completer,
/// once the outcome is stored), or 0 -> settled_mark where the completer is first. The second of
/// the two passes the outcome on: by release and acquire, the outcome goes one way, the call's
/// address and core the other.
///
/// Held by: the completer, the deferred or the call that it answers, the core's register, and the
/// list while it is queued there.
///
/// Nothing here is virtual, and the last hold frees it without a look at its type. For the loop may
/// still hold it when the library that the type comes from has been unloaded. So the derived class
/// is emptied while it is certain to be there: before the answer is published. Its destructor does
/// not run.
class deferred_base : public ref_counted<deferred_base> {
 public:
  /// Destroys what the derived class holds, once.
  using empty_function = void(deferred_base&) noexcept;

  /// Asks for the right to complete. False: another thread has it.
  bool claim_as_resolved() noexcept { return claim(claim_state::resolved); }
  bool claim_as_cancelled() noexcept { return claim(claim_state::cancelled); }
  bool is_cancelled() const noexcept {
    return claim_.load(std::memory_order_relaxed) == claim_state::cancelled;
  }

  /// Sets what runs, once, on the loop, when the deferred is cancelled. Loop thread. If that has
  /// happened already, runs it at once.
  template <class F>
  void on_cancel(F&& f) {
    struct hook_of final : cancel_hook {
      hook_of(F&& g, std::pmr::memory_resource* m) : f(std::forward<F>(g)), memory(m) {}
      void operator()() override { f(); }
      void destroy() noexcept override { destroy_in_block(this, memory); }
      std::decay_t<F> f;
      std::pmr::memory_resource* const memory;
    };
    hook_.reset(make_in_block<hook_of>(memory_, std::forward<F>(f), memory_));
    if (hook_is_due_) finish_cancel_hook();
  }
  /// The same with a hook whose owner sees to it that it lasts: until its destroy(), or until
  /// forget_cancel_hook(). Loop thread, once, before the deferred is returned from the callable.
  void set_cancel_hook(cancel_hook& hook) noexcept { hook_.reset(&hook); }
  void forget_cancel_hook() noexcept { (void)hook_.release(); }
  /// Called by the core on the loop thread, when this leaves the register: runs the hook if this
  /// was cancelled, and destroys it. A hook that throws is reported like a posted call.
  void finish_cancel_hook() noexcept;

  /// By the claimer, after it has stored the outcome: publishes that, if the call that it answers
  /// is known; else the loop will, when it attaches that call.
  void deliver() noexcept;
  /// Loop: is the outcome there? Only of use before attach().
  bool is_settled() const noexcept { return link_.load() == settled_mark; }
  /// Loop: this answers `call`. False: it is settled already, and the caller takes the outcome.
  bool attach(answered_call& call) noexcept;
  /// By the claimer, after attach(): the call that this answers ends with `f`.
  void fail(status s) noexcept;
  /// The same on the loop thread for one that is not claimed yet: as if it were cancelled.
  void end_as(status s) noexcept;

  /// Loop thread: a task, or a then(), that answers by this is suspended until `call` is done, and
  /// holds `call` until awaits_no_more(). See wait_chain.
  void awaits(call_base& call) noexcept;
  void awaits_no_more() noexcept;
  /// The same for a task that is suspended until it has `lock`.
  void awaits(held_lock& lock) noexcept;
  void awaits_lock_no_more() noexcept;
  /// Ends the call that this answers, if it is part of a circle of endless waits.
  void end_if_circular() noexcept;
  void set_call(loop_core& core, std::source_location where) noexcept {
    core_ = core_ptr(core);
    where_ = where;
  }
  /// Destroys what the derived class holds, unless that has been done.
  void empty() noexcept {
    if (empty_function* const e = std::exchange(empty_, nullptr); e != nullptr) e(*this);
  }

  loop_core& core() const noexcept { return *core_; }

  /// In the submission list: takes this off the register on the loop. Holds it meanwhile.
  class unregistration final : public internal_operation {
   public:
    explicit unregistration(deferred_base& of) noexcept : of_(of) {}

   private:
    void go(loop_core& core) noexcept override;
    void end(loop_core& core) noexcept override;

    deferred_base& of_;
  };
  unregistration& unregistering() noexcept { return unregistering_; }

  // The core's register: a list, touched only by the holder of the drain lock.
  deferred_base* previous = nullptr;
  deferred_base* following = nullptr;
  bool registered = false;

 protected:
  /// In a block of `size` bytes of `memory`'s: the whole of the derived object.
  deferred_base(std::pmr::memory_resource* memory, void* block, std::size_t size,
                empty_function* how_to_empty) noexcept
      : memory_(memory), block_(block), size_(size), empty_(how_to_empty) {}
  ~deferred_base() = default;

 private:
  friend class ref_counted<deferred_base>;
  friend class wait_chain;

  static constexpr std::uintptr_t settled_mark = 1;
  enum class claim_state : std::uint8_t { open, resolved, cancelled };
  struct destroy_hook {
    void operator()(cancel_hook* hook) const noexcept { hook->destroy(); }
  };
  using hook_ptr = std::unique_ptr<cancel_hook, destroy_hook>;

  bool claim(claim_state as) noexcept {
    claim_state open = claim_state::open;
    return claim_.compare_exchange_strong(open, as, std::memory_order_relaxed);
  }
  void destroy() noexcept;

  /// Home of these two: set and reset by the loop, read by wait_chain; default orders, see there.
  std::atomic<call_base*> awaits_{nullptr};
  std::atomic<held_lock*> awaits_lock_{nullptr};
  std::atomic<std::uintptr_t> link_{0};
  core_ptr core_;  ///< this and the next: of the call, set before link_
  std::source_location where_;
  std::pmr::memory_resource* const memory_;  ///< where this lives, and its hook
  void* const block_;
  const std::size_t size_;
  empty_function* empty_;
  std::atomic<claim_state> claim_{claim_state::open};
  bool hook_is_due_ = false;  ///< loop thread: cancelled, and off the register
  hook_ptr hook_;             ///< loop thread
  unregistration unregistering_{*this};
};

/// The shared state of deferred<T> and completer<T>.
template <class T>
class deferred_state : public deferred_base {
 public:
  static deferred_state* make(std::pmr::memory_resource* memory) {
    return make_in_block<deferred_state>(memory, memory);
  }
  explicit deferred_state(std::pmr::memory_resource* memory) noexcept
      : deferred_state(
            memory, in_block<deferred_state>::block_of(this), in_block<deferred_state>::size,
            [](deferred_base& d) noexcept { static_cast<deferred_state&>(d).outcome_.clear(); }) {}

  /// Completer: stores what `fill` puts into the outcome, and passes it on. False: it was settled
  /// or cancelled.
  template <class Fill>
  bool settle(Fill&& fill) noexcept {
    if (!claim_as_resolved()) return false;
    std::forward<Fill>(fill)(outcome_);
    deliver();
    return true;
  }

  /// By the claimer: where the outcome goes, before deliver().
  outcome<T>& own_outcome() noexcept { return outcome_; }

 protected:
  deferred_state(std::pmr::memory_resource* memory, void* block, std::size_t size,
                 empty_function* how_to_empty) noexcept
      : deferred_base(memory, block, size, how_to_empty) {}

 private:
  outcome<T> outcome_;
};

template <class T>
using deferred_ptr = ref_ptr<deferred_state<T>>;

}  // namespace loopbridge::detail
