#pragma once

#include <uv.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <source_location>

#include "loop/capacity.hpp"
#include "loop/deferred_register.hpp"
#include "loop/doorbell.hpp"
#include "loop/drain_lock.hpp"
#include "loop/firing_register.hpp"
#include "loop/loop_handles.hpp"
#include "loop/own_thread.hpp"
#include "loop/reports.hpp"
#include "loop/stop_register.hpp"
#include "loop/turn_budget.hpp"
#include "loop/watchdog.hpp"
#include "loopbridge/detail/handlers/reentrant_post.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/options.hpp"
#include "loopbridge/stats.hpp"
#include "platform/platform.hpp"
#include "sync/spin.hpp"

namespace loopbridge::detail {

/// A bridge's core: an inbox on a libuv loop, and that loop's life.
///
///   start.cpp        making it: descriptors, loop, handles, thread
///   turn.cpp         one iteration of the loop: sleep or not, take what is queued, run it
///   stop.cpp         ending it: what ends, which releases its waiters, in what order
///   stop_when_idle.cpp   ending it later, when it has nothing left to do
///   capacity.cpp     the way in, where there is a capacity
///   loop_core.cpp    the services that calls use
///   stats.cpp        what bridge::stats() says
///
/// Access: members below "loop thread" belong to the thread that runs the loop; those below "drain
/// lock", to its holder.
class core final : public loop_core {
 public:
  /// As bridge's constructor and bridge::adopt.
  static core_ptr start(options&& opts);
  static core_ptr adopt(uv_loop_t* loop, options&& opts);

  /// As bridge's functions; end() is the destructor's.
  void stop();
  void stop_reentrant() noexcept;
  void end() noexcept;
  /// As the functions of these names.
  void stop_when_idle();
  bool stop_within(std::chrono::nanoseconds time);

  statistics stats() const noexcept;

 private:
  friend class loop_core;

  core(options&& opts, uv_loop_t* adopted);
  ~core();

  // start.cpp
  void open_loop();
  void open_handles();
  void start_thread();
  struct start_of_thread {
    completion done;
    std::exception_ptr failed;  ///< what on_thread_start threw
  };
  void thread_main(start_of_thread* awaited) noexcept;

  // turn.cpp
  void before_poll() noexcept;
  void after_poll() noexcept;
  void run_turn() noexcept;
  bool has_work() const noexcept;
  bool stay_awake() noexcept;
  void note_sleep() noexcept;
  void run_batch() noexcept;
  void run_queued(turn_budget& budget) noexcept;
  void come_back_in_child() noexcept;
  void take_batch() noexcept;
  void note_turn() noexcept;
  bool has_children() const noexcept;
  bool watches_descriptors() const noexcept;
  bool has_unknown_descriptors() const noexcept;

  // stop_when_idle.cpp
  bool is_idle() const noexcept;
  bool nothing_waits() const noexcept;
  class idle_request final : public internal_operation {
    void go(loop_core& of) noexcept override;
    void end(loop_core& of) noexcept override;
  };

  // stop.cpp
  void end_turns() noexcept;
  void end_on_loop() noexcept;
  void refuse(operation& n) noexcept;
  void release_waiters_from_elsewhere() noexcept;

  // capacity.cpp
  status submit_if_room(operation& n, const submit_options& how, std::source_location where);
  void keep_alive_from_inside() noexcept;
  bool wait_for_room(capacity_gate::waiter& w, deadline until, const submit_options& how,
                     std::source_location where);

  options opts_;
  const reports reports_;
  const std::unique_ptr<capacity_gate> gate_;  ///< null: no capacity
  slot_pool<reentrant_post> pool_;
  spinners spinners_;
  const bool adopted_;
  uv_loop_t own_loop_{};
  const std::unique_ptr<doorbell_base> doorbell_;
  drain_lock drain_lock_;
  /// The thread that an adopted loop has turned on last; unlike loop_thread_ never a guess.
  /// Relaxed, as that: only the thread itself ever finds its own id here.
  std::atomic<platform::thread_id> turned_on_{};

  // Loop thread.
  loop_handles handles_;
  deadline asleep_since_{};        ///< if it spins
  unsigned own_descriptors_ = 0;   ///< that the loop watches
  bool found_nothing_ = false;     ///< it has just spun, and comes round once more before it sleeps
  std::uint64_t awake_since_ = 0;  ///< by libuv's clock, in milliseconds; 0: not known
  bool has_leftover_ = false;      ///< the last iteration's budget did not suffice
  turn_budget budget_;             ///< since the last look at I/O
  bool draining_ = false;          ///< in a callable of ours, perhaps in a uv_run that it nested
  bool turns_ended_ = false;
  bool ends_when_idle_ = false;
  end_hook* end_hooks_ = nullptr;
  stop_register stops_{stop_functions_};
  platform::loop_signals signals_;

  // Drain lock.
  batch batch_;  ///< off the inbox, and not run yet
  deferred_register deferreds_;

  firing_register firings_;
  idle_request idle_request_;  ///< in the list once: see stop_when_idle()
  /// Done when the loop thread has nothing left to do but to end; adopted: when the turns ended.
  completion ended_;
  std::unique_ptr<watchdog> watch_;  ///< null: not asked for
  std::mutex joining_;               ///< guards thread_
  own_thread thread_;
};

}  // namespace loopbridge::detail
