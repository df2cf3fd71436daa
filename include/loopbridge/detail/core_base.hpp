#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory_resource>

#include "loopbridge/detail/bell.hpp"
#include "loopbridge/detail/counters.hpp"
#include "loopbridge/detail/deadline.hpp"
#include "loopbridge/detail/node.hpp"
#include "loopbridge/detail/platform/this_thread.hpp"
#include "loopbridge/detail/process_mark.hpp"
#include "loopbridge/detail/spin.hpp"
#include "loopbridge/detail/submission_list.hpp"
#include "loopbridge/loop_ref.hpp"
#include "loopbridge/place.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge::detail {

class deferred_base;
class reentrant_post;
class reentrant_state;
class completion;
class interruption_flag;
class wait_vertex;
class watchdog;
template <class Slot>
class slot_pool;

/// How a call of an ordinary thread's goes in.
struct entry {
  /// The call's own time, for the wait for room too.
  std::chrono::nanoseconds timeout = for_ever;
  deadline until = no_deadline;
  bool announced = false;    ///< a blocking_wait for this bridge stands already
  bool never_waits = false;  ///< a full bridge refuses it, whatever options::patience is

  static entry within(std::chrono::nanoseconds timeout) {
    return {timeout, deadline_after(timeout)};
  }
  static entry without_waiting() { return {for_ever, no_deadline, false, true}; }
};

/// What calls see of a bridge's core: the way in (submit), and on the loop thread the services
/// that a running call needs. The rest of the core, which knows libuv, is in src/core.hpp.
///
/// Counted: the bridge, its thread, its open uv handles and every handle given out (eventuals,
/// reentrant calls) hold it, so that a handle outlives the bridge and no doorbell is written to
/// after its descriptor was closed.
class core_base {
 public:
  /// The fast path: publish, and ring if the loop sleeps. Any thread, any handler, at any
  /// instruction of another submit; errno is kept. On `accepted` the node belongs to the loop and
  /// may be gone already; else it is untouched.
  status submit(node& n) noexcept {
    if (!process_.is_this_process()) return status::wrong_process;
    if (!list_.push(n)) return status::stopped;
    wake();
    return status::accepted;
  }

  /// submit() for what counts towards options::capacity. Ordinary threads. May wait for room, and
  /// then throws bridge_full or timed_out, or like blocking_wait.
  status submit_call(node& n, const entry& how, place where) {
    const status s = is_special_ ? submit_specially(n, how, where) : submit(n);
    if (s != status::accepted) counts_.refused.add();
    return s;
  }

  /// For bridge::at_stop(). `accepted`, `stopped` or `wrong_process`. Any thread.
  status push_stop_function(node& n) noexcept {
    if (!process_.is_this_process()) return status::wrong_process;
    return stop_functions_.push(n) ? status::accepted : status::stopped;
  }

  bool is_this_process() const noexcept { return process_.is_this_process(); }
  const process_mark& process() const noexcept { return process_; }
  bool is_closed() const noexcept { return list_.closed(); }

  /// Is the caller on the thread that runs this loop? Any thread, any handler. (Not a
  /// thread_local: touching one may allocate.)
  bool on_loop_thread() const noexcept;
  /// Does the loop sleep, or is it about to, with nobody having rung? For tests and for looking in.
  bool is_asleep() const noexcept { return bell_.episode_to_ring() != 0; }
  /// seq_cst: for wait_vertex::begin_wait(), see there; pairs with note_loop_thread() and
  /// forget_loop_thread().
  wait_vertex* vertex() const noexcept { return vertex_.load(std::memory_order_seq_cst); }

  /// The pool behind bridge::post_reentrant.
  slot_pool<reentrant_post>& reentrant_slots() const noexcept { return *reentrant_slots_; }

  /// What bridge::stats() looks at. Any thread, any handler.
  counters& counts() noexcept { return counts_; }
  /// Looks after callables; null: options::watchdog is not set.
  watchdog* watching() const noexcept { return watchdog_; }
  /// Is anything in the submission list? Any thread.
  bool is_anything_queued() const noexcept { return list_.has_news(); }
  /// Sleeps until `answer` is done, as completion::wait in this process: noticed by stats().
  /// Ordinary threads.
  bool wait_for(completion& answer, deadline until, const interruption_flag* by = nullptr) noexcept;

  /// May a handler wait, as far as the doorbell is concerned?
  virtual bool handler_may_wait() const noexcept = 0;

  /// The two sides' judgement of spinning; null where the bridge is not to spin.
  struct spinners {
    alignas(64) spinner loop;
    alignas(64) spinner waiters;
  };
  spinners* spinning() const noexcept { return spinning_; }
  /// Threads that sleep for an answer or for room, about.
  std::uint64_t waiting() const noexcept {
    return counts_.waits_begun.get() - counts_.waits_ended.get();
  }

  std::pmr::memory_resource* memory() const noexcept { return memory_; }
  virtual const char* name() const noexcept = 0;

  /// The loop, for the callable being run. Loop thread.
  virtual loop_ref loop() const noexcept = 0;
  /// Hands a failure that has no waiter to the hook. Any ordinary thread.
  virtual void unhandled(std::exception_ptr error, place where) noexcept = 0;
  /// A call returned `d`, which is not settled yet: stop() must find it. Loop thread, in a turn.
  virtual void enlist(deferred_base& d) noexcept = 0;
  /// `d`, which was enlisted, has been claimed by the caller: has the loop strike it off, after
  /// what runs now, and run the cancel hook if that is owed. Any ordinary thread.
  virtual void delist_later(deferred_base& d) noexcept = 0;
  /// The same at once, where the caller is the loop and may. False: it is left to delist_later().
  virtual bool try_delist(deferred_base& d) noexcept = 0;
  /// The loop's part of delist_later(). Who holds the turn.
  virtual void delist(deferred_base& d) noexcept = 0;

  /// A reentrant_call is made, or ended: the end of this core looks after those that there are. Any
  /// ordinary thread.
  virtual void enroll(reentrant_state& s) noexcept = 0;
  virtual void strike_off(reentrant_state& s) noexcept = 0;

  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release_ref() noexcept {
    // acq_rel: the last one out destroys, after all that the others did; pairs with release_ref().
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

 protected:
  core_base(std::pmr::memory_resource* memory, slot_pool<reentrant_post>* pool, spinners* spinning)
      : memory_(memory), reentrant_slots_(pool), spinning_(spinning) {}
  virtual ~core_base();

  /// Rings if the loop sleeps: what every change of the list is followed by. Any thread, any
  /// handler.
  void wake() noexcept {
    if (const std::uint64_t episode = bell_.episode_to_ring(); episode != 0) ring(episode);
  }
  /// submit_call() where there is a capacity, or the loop is adopted: src/core_full.cpp.
  status submit_specially(node& n, const entry& how, place where);
  /// Which thread runs the loop is not known for good: it is adopted. Before note_loop_thread().
  void run_on_any_thread() noexcept;
  /// The calling thread runs the loop.
  void note_loop_thread() noexcept;
  /// The calling thread ends, and the next one may get its id and its vertex: another loop's, say,
  /// which would then seem to be this one.
  void forget_loop_thread() noexcept;
  /// Writes the doorbell, then silences the episode. Any thread, any handler; errno is kept.
  virtual void ring(std::uint64_t episode) noexcept = 0;
  virtual void destroy() noexcept = 0;

  // What senders write is kept off the line that they only read.
  alignas(64) submission_list list_;
  alignas(64) bell bell_;
  process_mark process_;
  std::pmr::memory_resource* const memory_;
  slot_pool<reentrant_post>* const reentrant_slots_;  ///< the core's, in src/core.hpp
  spinners* const spinning_;                          ///< the core's, too
  bool is_special_ = false;                           ///< these two: set before the first call
  watchdog* watchdog_ = nullptr;
  /// The thread that runs the loop: written by that thread (adopted: at its first turn), or before
  /// the first call. Relaxed: only the thread itself ever finds its own id here.
  std::atomic<platform::thread_id> loop_thread_{};
  static_assert(std::atomic<platform::thread_id>::is_always_lock_free);
  /// That thread's place in the graph of waits, or what stands in for it: written along with
  /// loop_thread_; taken away with seq_cst, see wait_vertex::begin_wait().
  std::atomic<wait_vertex*> vertex_{nullptr};
  wait_vertex* stand_in_ = nullptr;  ///< of an adopted loop: see wait_vertex
  /// Home of the count: any holder adds (relaxed, since it holds one), release_ref() takes away.
  alignas(64) std::atomic<std::uint32_t> refs_{1};
  counters counts_;
  submission_list stop_functions_;  ///< bridge::at_stop(); closed once they run
};

/// A hold on a core.
class core_ptr {
 public:
  core_ptr() noexcept = default;
  explicit core_ptr(core_base& core) noexcept : core_(&core) { core.add_ref(); }
  core_ptr(core_ptr&& other) noexcept : core_(other.core_) { other.core_ = nullptr; }
  core_ptr& operator=(core_ptr&& other) noexcept {
    core_ptr taken(static_cast<core_ptr&&>(other));
    taken.swap(*this);
    return *this;
  }
  ~core_ptr() {
    if (core_ != nullptr) core_->release_ref();
  }
  void swap(core_ptr& other) noexcept {
    core_base* const own = core_;
    core_ = other.core_;
    other.core_ = own;
  }
  core_base* operator->() const noexcept { return core_; }
  core_base& operator*() const noexcept { return *core_; }
  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  core_base* core_ = nullptr;
};

}  // namespace loopbridge::detail
