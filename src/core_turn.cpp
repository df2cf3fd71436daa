#include <cstdio>
#include <exception>
#include <utility>

#include "core.hpp"
#include "links.hpp"
#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/deferred_base.hpp"
#include "loopbridge/detail/result.hpp"
#include "platform/platform.hpp"

// One turn of the loop. libuv calls before_poll (a uv_prepare_t) just before it may block, then
// polls, then calls after_poll (a uv_check_t):
//
//   before_poll   perhaps look for work a moment longer, and run it; then arm the bell, look at the
//                 list once more; if there is work, do not block
//   poll          I/O is served in every turn, however much is queued
//   after_poll    disarm the bell, take all that is in the list, run it for a while
//
// While the loop is busy the bell is even all the time, and no sender makes a system call.
namespace loopbridge::detail {
namespace {
/// So long may the loop go on with turns that need no poll.
constexpr std::chrono::microseconds longest_without_poll{50};
/// Who lets the loop wait for its CPU, and has posted fewer calls by then, was not busy posting.
constexpr std::uint64_t fewest_of_a_flood = 64;
}  // namespace

/// Of uv_spawn's. (`child_watcher` is libuv's own handle, active while uv_process_t handles are. No
/// public function tells, but its place in uv_loop_t is part of libuv's ABI.)
bool core::has_children() const noexcept {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&loop_->child_watcher)) != 0;
}

void core::before_poll() noexcept {
  if (!is_this_process()) return come_back_in_child();
  if (!on_loop_thread()) note_loop_thread();
  if (adopted_) turned_on_.store(platform::this_thread(), std::memory_order_relaxed);
  if (closed_by_the_program() && !draining_) return run_turn();  // perhaps the last to come here
  // A nested uv_run: its after_poll goes on with what this turn has taken.
  if (draining_ && taken_.oldest != nullptr) return keep_awake(true);
  note_turn();
  if (has_work() || stay_awake()) {
    awake_since_ = uv_now(loop_);  // as it was before that: this turn goes on
    return keep_awake(true);
  }
  if (turns_ended_) return;
  bell_.arm();
  const bool work = has_work();
  if (work) bell_.disarm();
  keep_awake(work);
  if (!work) {
    counts_.sleeps.add_alone();
    signals_.close(has_children());
  }
  if (spinning_ != nullptr) asleep_since_ = work ? deadline{} : spinner::clock::now();
}

bool core::has_work() const noexcept {
  return has_rest_ || list_.has_news();
}

/// Looks for work before the loop sleeps, if that has paid lately, and runs it. True: it did, so
/// the loop must come round before it sleeps, for what the calls have started, and for the
/// program's own prepare and check handles. The bell is silent meanwhile: nobody rings.
bool core::stay_awake() noexcept {
  // Not for the owner of an adopted loop, whose time it is; nor inside a callable.
  if (spinning_ == nullptr || adopted_ || draining_) return false;
  spinner& own = spinning_->loop;
  if (std::exchange(found_nothing_, false) || !own.is_worth_it()) return false;
  const deadline begun = spinner::clock::now();
  // The turn that was just now has used up what may be run before I/O: so that comes first.
  if (budget_.is_spent_at(begun)) return true;
  const deadline until = begun + longest_without_poll;
  const bool shares_cpu = own.note_cpu() == spinning_->waiters.cpu();
  bool ran = false;
  for (;;) {
    const auto spun = own.spin(shares_cpu, deadline::max(), [this] { return has_work(); });
    const bool late = spun == spinner::spun::late;
    if (late && !has_work()) own.step_back();
    if (!has_work()) break;
    const std::uint64_t before = counts_.ended.get();
    run_turn();
    const std::uint64_t calls = counts_.ended.get() - before;
    if (late && calls < fewest_of_a_flood) own.step_back();
    if (turns_ended_) return false;
    ran = true;
    // More already: it was posted during the turn, or by a flood. After the poll, then.
    if (has_work() || spinner::clock::now() >= until) return true;
  }
  found_nothing_ = ran;
  return ran;
}

/// What the sleep that has just ended says of spinning: did work come soon?
void core::note_sleep() noexcept {
  if (asleep_since_ == deadline{}) return;
  const deadline since = std::exchange(asleep_since_, deadline{});
  spinning_->loop.note_cpu();
  spinning_->loop.slept(has_work() ? spinner::clock::now() - since : deadline::duration::max());
}

void core::after_poll() noexcept {
  if (!is_this_process()) return come_back_in_child();
  bell_.disarm();
  budget_ = {};
  if (spinning_ != nullptr) note_sleep();
  if (awake_since_ == 0) awake_since_ = uv_now(loop_);
  if (draining_) {  // nested
    drain();
    // The bridge ends only when the callable that called uv_run returns: help it to.
    if (list_.closed()) uv_stop(loop_);
    return;
  }
  run_turn();
  if (turns_ended_ || !adopted_) return;
  // Whether an adopted loop turns again at once only its owner knows: it may be embedded in another
  // loop, which sleeps on uv_backend_fd. So it counts as asleep whenever it is not in our hands,
  // and work that is there already must be visible to such a poll.
  bell_.arm();
  if (has_work()) {
    bell_.disarm();
    keep_awake(true);
    doorbell_->ring();
  }
}

/// Runs one snapshot, and ends the bridge if it was stopped.
void core::run_turn() noexcept {
  do {
    // Taken: another thread is ending this bridge. Its news keeps the loop turning until it is
    // done.
    if (!try_take_turn()) return;
    draining_ = true;
    drain();
    if (!is_this_process()) return;
    if (closed_by_the_program()) list_.close();
    if (list_.closed()) end_on_loop();
    draining_ = false;
    // seq_cst: a stop() on another thread that found the turn taken relies on the second look,
    // which follows; pairs with try_take_turn() there.
    give_turn_back(std::memory_order_seq_cst);
  } while (list_.closed() && !turns_ended_);
}

bool core::try_take_turn() noexcept {
  std::uint32_t free = 0;
  // seq_cst on behalf of release_waiters_from_elsewhere(), after its close() in the single order:
  // if the loop has the turn, its look at closed() after giving it back comes later still; pairs
  // with run_turn(). (Success would do with acquire, but compilers warn of a stronger failure.)
  return in_turn_.compare_exchange_strong(free, 1, std::memory_order_seq_cst,
                                          std::memory_order_seq_cst);
}

/// An exchange, since the loop's thread may fall asleep for the turn at any moment: end_turns().
void core::give_turn_back(std::memory_order order) noexcept {
  if (in_turn_.exchange(0, order) == 2) futex_wake_all(in_turn_);
}

/// Takes what is queued, and runs it until the budget is spent, which is one from each look at I/O
/// to the next: a loop that spins comes here several times in between. What is taken belongs to the
/// core and not to this frame, so that a uv_run nested in a callable goes on with it, in order.
///
/// It is taken in each turn, also while older calls are left: the list is the youngest first, and
/// turning round a long one would take longer than I/O may wait.
void core::drain() noexcept {
  // An adopted loop's thread is the program's, and may be cancelled.
  const platform::cancellation_disabled while_running;
  signals_.open(uv_now(loop_), has_children());
  const bool closed = list_.closed();
  // What is taken makes room: with a capacity no more is taken before the last of it has run.
  if (!room_ || !has_rest_ || closed) take_snapshot();
  turn_budget unlimited = turn_budget::unlimited();
  run_queued(closed ? unlimited : budget_);
  if (!is_this_process()) return come_back_in_child();
  has_rest_ = taken_.oldest != nullptr;
}

void core::run_queued(turn_budget& budget) noexcept {
  while (taken_.oldest != nullptr) {
    if (budget.is_spent()) return;
    node* const n = taken_.pop();
    // Asked for each: a stop on another thread holds for what is left of the snapshot too.
    if (opts_.on_stop == queued_calls::refuse && list_.closed()) {
      refuse(*n);
    } else {
      counts_.ended.add_alone();
      if (result_base* const ended = n->run(*this); ended != nullptr) ended->finish();
    }
    if (!is_this_process()) return;
  }
}

void core::take_snapshot() noexcept {
  std::size_t count = 0;
  taken_.append(room_ ? room_->take(list_, count) : list_.take(count));
  if (count == 0) return;
  counts_.turns.add_alone();
  counts_.taken.add_alone(count);
  counts_.most_taken.set_if_more(counts_.taken.get() - counts_.ended.get());
}

/// How long it was from the last look after I/O to this one. libuv has read the clock, both times.
void core::note_turn() noexcept {
  const std::uint64_t since = std::exchange(awake_since_, 0);
  // What the thread of an adopted loop does between its turns is its own affair.
  if (since != 0 && !adopted_) counts_.longest_turn.set_if_more(uv_now(loop_) - since);
}

/// A call or a callback of the program's forked, and its child returns to the loop, which is the
/// parent's. Nothing that is queued may run here a second time, and no event be taken away.
void core::come_back_in_child() noexcept {
  if (!adopted_) {
    std::fprintf(
        stderr,
        "loopbridge: bridge '%s': a child that was forked on the loop's thread returned to "
        "the loop, which is its parent's; end it where it was forked, by exec or _exit\n",
        name());
    std::terminate();
  }
  // The program may run its loop on, after uv_loop_fork(): without us.
  taken_ = {};
  has_rest_ = false;
  keep_awake(false);
}

/// Keeps the poll from blocking, and an adopted loop alive, while there is work.
void core::keep_awake(bool awake) noexcept {
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&idle_)) != 0) return;  // the program did it
  if (awake) {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&idle_);
  }
}

void core::ring(std::uint64_t episode) noexcept {
  counts_.rings.add();
  // Who posts and goes on would have its CPU taken away by a loop that only pauses there.
  if (spinning_ != nullptr) spinning_->waiters.note_cpu();
  doorbell_->ring();
  bell_.silence(episode);
}

void core::enlist(deferred_base& d) noexcept {
  d.add_ref();
  link_first(enlisted_, d);
  d.enlisted = true;
}

void core::delist_later(deferred_base& d) noexcept {
  d.add_ref();  // the list's
  // Stopped: end_on_loop() finds it itself.
  if (submit(d.in_list()) != status::accepted) d.release_ref();
}

bool core::try_delist(deferred_base& d) noexcept {
  // On a loop of our own nobody else ever takes the turn.
  if (!on_loop_thread() || (adopted_ && !draining_)) return false;
  delist(d);
  return true;
}

void core::delist(deferred_base& d) noexcept {
  if (!d.enlisted || !on_loop_thread()) return;  // elsewhere: end_on_loop() runs the hook later
  d.enlisted = false;
  unlink(enlisted_, d);
  d.finish_cancel_hook();
  d.release_ref();
}

}  // namespace loopbridge::detail
