#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <source_location>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/sync/counters.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/sync/inbox.hpp"
#include "loopbridge/detail/sync/ref_counted.hpp"
#include "loopbridge/loop_ref.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge::detail {

class completion;
class deferred_base;
class interrupt_flag;
class owned_object;
class reentrant_post;
class reentrant_state;
struct spinners;
class wait_vertex;
class watchdog;
struct submit_options;
template <class Slot>
class slot_pool;

/// Asked to end when the bridge does, after all waiters are released: by a task that nobody waits
/// for any more, and that would not end by itself.
class end_hook {
 public:
  virtual void bridge_ends() noexcept = 0;

  // The core's list.
  end_hook* previous = nullptr;
  end_hook* following = nullptr;
  bool in_list = false;

 protected:
  end_hook() = default;
  ~end_hook() = default;
};

/// What calls see of a bridge's core: its inbox, and on the loop thread the services that a running
/// call needs. The rest of the core, which knows libuv, is in src/loop/core.hpp.
///
/// Held by: the bridge, its thread, its open uv handles and every handle given out (eventuals,
/// reentrant calls). So a handle outlives the bridge, and no doorbell is written to after its
/// descriptor was closed.
class loop_core : public ref_counted<loop_core>, public inbox<loop_core> {
 public:
  /// Is there a capacity, or is the loop adopted, or the bridge about to stop when it is idle? Then
  /// what counts towards a capacity goes in by submit_specially().
  bool is_special() const noexcept { return is_special_.load(std::memory_order_relaxed); }
  /// Does it take no calls from this thread any more, since it stops when it is idle? Any thread,
  /// any handler.
  bool is_closed_to_caller() const noexcept { return is_to_stop() && !on_loop_thread(); }
  /// The same for all threads: is it to stop when it is idle?
  bool is_to_stop() const noexcept { return for_loop_only_.load(std::memory_order_relaxed); }
  /// Ordinary threads. May wait for room, and then throws bridge_full, timed_out, would_deadlock or
  /// wrong_process.
  status submit_specially(operation& n, const submit_options& how, std::source_location where);

  /// For bridge::at_stop(). `accepted`, `bridge_stopped` or `wrong_process`. Any thread.
  status push_stop_function(operation& n) noexcept {
    if (!is_this_process()) return status::wrong_process;
    return stop_functions_.push(n) ? status::accepted : status::bridge_stopped;
  }

  /// Is the caller on the thread that runs this loop? Any thread, any handler. (Not a
  /// thread_local: touching one may allocate.)
  bool on_loop_thread() const noexcept;
  /// seq_cst: for wait_vertex::begin_wait(), see there; pairs with note_loop_thread() and
  /// forget_loop_thread().
  wait_vertex* vertex() const noexcept { return vertex_.load(std::memory_order_seq_cst); }

  /// The pool behind bridge::post_reentrant.
  slot_pool<reentrant_post>& reentrant_slots() const noexcept { return *reentrant_slots_; }

  /// What bridge::stats() looks at. Any thread, any handler.
  counters& counts() noexcept { return counts_; }
  /// Looks after callables; null: options::watchdog is not set.
  watchdog* watching() const noexcept { return watchdog_; }
  /// Sleeps until `answer` is done, as completion::wait in this process: noticed by stats(). False:
  /// as there. Ordinary threads.
  bool wait_for(completion& answer, deadline until, const interrupt_flag* by = nullptr) noexcept;

  /// May a handler wait, as far as the doorbell is concerned?
  bool handler_may_wait() const noexcept;

  /// Null where the bridge is not to spin.
  spinners* spinning() const noexcept { return spinning_; }
  /// Threads that sleep for an answer or for room, about.
  std::uint64_t waiting() const noexcept {
    return counts_.waits_begun.get() - counts_.waits_ended.get();
  }

  std::pmr::memory_resource* memory() const noexcept { return memory_; }
  const char* name() const noexcept { return name_; }

  /// The loop, for the callable being run. Loop thread.
  loop_ref loop() const noexcept { return loop_ref_; }
  /// Hands a failure that has no waiter to the hook. Any ordinary thread.
  void unhandled(std::exception_ptr error, std::source_location where) noexcept;

  /// A call returned `d`, which is not settled yet: the bridge's end must find it. Loop thread, in
  /// an iteration.
  void register_deferred(deferred_base& d) noexcept;
  /// `d`, which was registered, has been claimed by the caller: has the loop remove it, after what
  /// runs now, and run the cancel hook if that is owed. Any ordinary thread.
  void unregister_later(deferred_base& d) noexcept;
  /// The same at once, where the caller is the loop and may. False: it is left to
  /// unregister_later().
  bool try_unregister(deferred_base& d) noexcept;
  /// The same on the loop thread; elsewhere it does nothing, and the loop's end removes it.
  void unregister(deferred_base& d) noexcept;

  /// Loop thread. Each is asked once at most.
  void add(end_hook& h) noexcept;
  void remove(end_hook& h) noexcept;

  /// A reentrant_call is there, for as long as the bridge's end must know of it. Any ordinary
  /// thread.
  void register_firings(reentrant_state& s) noexcept;
  void unregister(reentrant_state& s) noexcept;

  /// An owned object is there, which the bridge's end has to end. Loop thread.
  void register_owned(owned_object& o) noexcept;
  void unregister(owned_object& o) noexcept;

 protected:
  loop_core(loop_ref loop, std::pmr::memory_resource* memory, slot_pool<reentrant_post>* pool,
            spinners* spinning)
      : loop_ref_(loop), memory_(memory), reentrant_slots_(pool), spinning_(spinning) {}
  ~loop_core();

  /// Which thread runs the loop is not known for good: it is adopted. Before note_loop_thread().
  void run_on_any_thread() noexcept;
  /// A thread is about to be started that runs the loop. Without it: expect_no_thread().
  void expect_loop_thread() noexcept;
  void expect_no_thread() noexcept;
  /// The calling thread runs the loop.
  void note_loop_thread() noexcept;
  /// The calling thread ends, and the next one may get its id and its vertex: another loop's, say,
  /// which would then seem to be this one.
  void forget_loop_thread() noexcept;

  const loop_ref loop_ref_;
  const char* name_ = "";  ///< the bridge's; this and the two below: set before the first call
  std::pmr::memory_resource* const memory_;
  slot_pool<reentrant_post>* const reentrant_slots_;  ///< the core's, in src/loop/core.hpp
  spinners* const spinning_;                          ///< the core's, too
  /// Home of these two: set before the first call, or by stop_when_idle(). Relaxed: a call that
  /// sees the old value has come before that.
  std::atomic<bool> is_special_{false};
  std::atomic<bool> for_loop_only_{false};
  watchdog* watchdog_ = nullptr;
  /// The thread that runs the loop: written by that thread (adopted: at its first turn), or before
  /// the first call. Relaxed: only the thread itself ever finds its own id here, a
  /// platform::thread_id.
  std::atomic<std::uintptr_t> loop_thread_{};
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);
  /// That thread's vertex in the graph of waits, or the bridge's proxy: written along with
  /// loop_thread_; taken away with seq_cst, see wait_vertex::begin_wait().
  std::atomic<wait_vertex*> vertex_{nullptr};
  wait_vertex* proxy_ = nullptr;  ///< of an adopted loop: see wait_vertex
  counters counts_;
  submission_list<operation> stop_functions_;  ///< bridge::at_stop(); closed once they run
  loop_core* next_parked_ = nullptr;           ///< of those that owned_object has left to others

 private:
  friend class owned_object;
  friend class inbox<loop_core>;
  friend class ref_counted<loop_core>;
  void ring() noexcept;
  void destroy() noexcept;
};

using core_ptr = ref_ptr<loop_core>;

/// Submits what may hold the core itself. The loop may run it, and end, before this has rung the
/// bell: so the core is held here.
inline status submit_holder(loop_core& core, operation& n) noexcept {
  const core_ptr held(core);
  return core.submit(n);
}

/// The bridge whose own thread this is; empty: none. Any ordinary thread.
core_ptr core_of_this_thread() noexcept;

}  // namespace loopbridge::detail
