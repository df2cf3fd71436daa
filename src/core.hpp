#pragma once

#include <uv.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>

#include "doorbell.hpp"
#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/core_base.hpp"
#include "loopbridge/detail/reentrant_post.hpp"
#include "loopbridge/options.hpp"
#include "loopbridge/stats.hpp"
#include "own_thread.hpp"
#include "platform/platform.hpp"
#include "room.hpp"
#include "turn_budget.hpp"
#include "watchdog.hpp"

namespace loopbridge::detail {

/// A bridge's core: the submission list and its bell on a libuv loop, and that loop's life.
///
///   core_start.cpp   making it: descriptors, loop, handles, thread
///   core_turn.cpp    one turn of the loop: sleep or not, take a snapshot, run it
///   core_stop.cpp    ending it: who releases whom, in what order
///   core_full.cpp    where there is a capacity: the way in
///   stats.cpp        what bridge::stats() says
///
/// Who may touch what: members below "loop thread" belong to the thread that runs the loop. The
/// register of deferreds belongs to who holds the turn.
///
/// Home of `in_turn_`: 0, or 1 while somebody holds the turn, that is, runs or refuses calls, or 2
/// if besides the loop's thread sleeps until it is given back, which only end_turns() does. The
/// loop takes it for the draining part of each of its turns; for an adopted loop, a stop() on
/// another thread may take it in between, to release the waiters. Taken with acquire, released with
/// release: the register goes along with it. Beyond that, a stop() elsewhere that finds it taken
/// leaves the waiters to the loop. That pair is seq_cst: the stopper closes the list and then tries
/// to take the turn; the loop gives the turn back and then looks whether the list is closed.
class core final : public core_base {
 public:
  /// As bridge's constructor and bridge::adopt.
  static core_ptr start(options&& opts);
  static core_ptr adopt(uv_loop_t* loop, options&& opts);

  /// As bridge's functions; end() is the destructor's.
  void stop();
  void stop_reentrant() noexcept;
  void end() noexcept;

  statistics stats() const noexcept;

  bool handler_may_wait() const noexcept override { return doorbell_->handler_may_wait(); }
  const char* name() const noexcept override { return opts_.name.c_str(); }
  loop_ref loop() const noexcept override { return loop_ref(loop_); }
  void unhandled(std::exception_ptr error, place where) noexcept override;
  void enlist(deferred_base& d) noexcept override;
  void delist_later(deferred_base& d) noexcept override;
  bool try_delist(deferred_base& d) noexcept override;
  void delist(deferred_base& d) noexcept override;
  void enroll(reentrant_state& s) noexcept override;
  void strike_off(reentrant_state& s) noexcept override;

 private:
  core(options&& opts, uv_loop_t* adopted);
  ~core() override;
  void ring(std::uint64_t episode) noexcept override;
  void destroy() noexcept override;

  // core_start.cpp
  void open_loop();
  void open_handles();
  void start_thread();
  void thread_main(completion& started, std::exception_ptr& failed) noexcept;

  // core_turn.cpp
  void before_poll() noexcept;
  void after_poll() noexcept;
  void run_turn() noexcept;
  bool has_work() const noexcept;
  bool stay_awake() noexcept;
  void note_sleep() noexcept;
  void drain() noexcept;
  void run_queued(turn_budget& budget) noexcept;
  void keep_awake(bool awake) noexcept;
  void come_back_in_child() noexcept;
  bool try_take_turn() noexcept;
  void give_turn_back(std::memory_order order) noexcept;
  void take_snapshot() noexcept;
  void note_turn() noexcept;
  bool has_children() const noexcept;

  // core_stop.cpp
  void end_turns() noexcept;
  void end_on_loop() noexcept;
  void run_stop_functions() noexcept;
  void refuse(node& n) noexcept;
  void release_waiters_from_elsewhere() noexcept;
  void end_firings() noexcept;
  bool closed_by_the_program() const noexcept;
  void close_handles() noexcept;
  static void handle_is_closed(uv_handle_t* h) noexcept;
  static void doorbell_is_closed(uv_handle_t* h) noexcept;
  void close_program_handles() noexcept;
  void report_open(uv_handle_t* handle) noexcept;

  // core_full.cpp
  friend class core_base;
  status submit_if_room(node& n, const entry& how, place where);
  void keep_alive_from_inside() noexcept;
  bool wait_for_room(room::waiter& w, deadline until, const entry& how, place where);

  options opts_;
  const std::unique_ptr<room> room_;  ///< null: no capacity
  slot_pool<reentrant_post> pool_;
  spinners spinners_;
  const bool adopted_;
  uv_loop_t own_loop_{};
  uv_loop_t* const loop_;
  const std::unique_ptr<doorbell_base> doorbell_;
  std::atomic<std::uint32_t> in_turn_{0};
  /// The thread that an adopted loop has turned on last; unlike loop_thread_ never a guess.
  /// Relaxed, as that: only the thread itself ever finds its own id here.
  std::atomic<platform::thread_id> turned_on_{};

  // Loop thread.
  deadline asleep_since_{};        ///< if it spins
  bool found_nothing_ = false;     ///< it has just spun, and comes round once more before it sleeps
  std::uint64_t awake_since_ = 0;  ///< by libuv's clock, in milliseconds; 0: not known
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_idle_t idle_{};            ///< active: there is work, so the poll must not block
  bool has_rest_ = false;       ///< the last turn's budget did not suffice
  turn_budget budget_;          ///< since the last look at I/O
  bool draining_ = false;       ///< in a callable of ours, perhaps in a uv_run that it nested
  bool handles_open_ = false;   ///< as far as we are concerned: see closed_by_the_program()
  unsigned handles_left_ = 0;   ///< that libuv is not done with; they hold the core
  uv_close_cb theirs_[3] = {};  ///< of prepare_, check_ and idle_: see close_own
  bool turns_ended_ = false;
  platform::loop_signals signals_;

  chain taken_;                        ///< off the list, and not run yet; under the turn
  deferred_base* enlisted_ = nullptr;  ///< the register: the first of a list; under the turn

  completion ended_;  ///< done when the loop's thread has nothing left to do but to end
  std::unique_ptr<watchdog> watch_;      ///< null: not asked for
  std::mutex enrolling_;                 ///< guards enrolled_, and the links
  reentrant_state* enrolled_ = nullptr;  ///< the first of a list: all reentrant_calls
  std::mutex joining_;                   ///< guards thread_
  own_thread thread_;
};

}  // namespace loopbridge::detail
