#include <cstdio>
#include <exception>
#include <utility>

#include "loop/core.hpp"
#include "loop/in_callable.hpp"
#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/deferred_state.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "platform/platform.hpp"

// One turn of the loop. libuv calls before_poll (a uv_prepare_t) just before it may block, then
// polls, then calls after_poll (a uv_check_t):
//
//   before_poll   perhaps look for work a moment longer, and run it; then arm the inbox, look at it
//                 once more; if there is work, do not block
//   poll          I/O is served in every turn, however much is queued
//   after_poll    disarm the inbox, take all that is in it, run it for a while
//
// While the loop is busy the inbox counts as awake, and no sender makes a system call.
namespace loopbridge::detail {
namespace {
/// The longest that the loop goes on with iterations that need no poll.
constexpr std::chrono::microseconds longest_without_poll{50};
/// If the loop waited for its CPU, and fewer calls than this arrived meanwhile, the CPU did not go
/// to a thread that was busy posting.
constexpr std::uint64_t fewest_of_a_flood = 64;
}  // namespace

/// The children of uv_spawn. (`child_watcher` is libuv's own handle, active while uv_process_t
/// handles are. No public function gives it, but its place in uv_loop_t is part of libuv's ABI.)
bool core::has_children() const noexcept {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&loop().get()->child_watcher)) != 0;
}

/// Any but the loop's own and the doorbell's. (A number of libuv's own, in the same place.)
bool core::watches_descriptors() const noexcept {
  return loop().get()->nfds > own_descriptors_;
}

/// Are there descriptors that libuv has not told the system of? It does so when it polls. (The list
/// of them, of which every libuv has the first element's address in front: its own, if none.)
bool core::has_unknown_descriptors() const noexcept {
  const auto& list = loop().get()->watcher_queue;
  return *reinterpret_cast<const void* const*>(&list) != &list;
}

void core::before_poll() noexcept {
  if (!is_this_process()) return come_back_in_child();
  if (!on_loop_thread()) note_loop_thread();
  if (adopted_) turned_on_.store(platform::this_thread(), std::memory_order_relaxed);
  if (handles_.closed_by_the_program() && !draining_)
    return run_turn();  // perhaps the last to come here
  // A nested uv_run: its after_poll goes on with what this turn has taken.
  if (draining_ && batch_.oldest != nullptr) return handles_.keep_awake(true);
  note_turn();
  if (has_work() || stay_awake()) {
    awake_since_ = uv_now(loop());  // as it was before that: this turn goes on
    return handles_.keep_awake(true);
  }
  if (turns_ended_) return;
  arm();
  const bool work = has_work();
  if (work) disarm();
  handles_.keep_awake(work);
  if (!work) {
    counts_.sleeps.add_alone();
    signals_.close(has_children());
  }
  if (spinning_ != nullptr) asleep_since_ = work ? deadline{} : spinner::clock::now();
}

/// A bridge that stops when it is idle may become so in a callback of libuv's, a timer's say: the
/// turn in which it ends is still to come.
bool core::has_work() const noexcept {
  return has_leftover_ || has_news() || (ends_when_idle_ && !draining_ && nothing_waits());
}

/// Looks for work before the loop sleeps, if that has paid lately, and runs it. True: it did. Then
/// the loop must come round before it sleeps, for what the calls have started, and for the
/// program's own prepare and check handles. The inbox is not armed meanwhile: no sender rings.
bool core::stay_awake() noexcept {
  // Not for the owner of an adopted loop, whose time it is; nor inside a callable.
  if (spinning_ == nullptr || adopted_ || draining_) return false;
  const bool needs_others = watches_descriptors();
  if (needs_others != spinning_->loop_needs_others.load(std::memory_order_relaxed))
    spinning_->loop_needs_others.store(needs_others, std::memory_order_relaxed);
  spinner& own = spinning_->loop;
  if (std::exchange(found_nothing_, false) || !own.is_worth_it()) return false;
  const deadline begun = spinner::clock::now();
  // The iteration that was just now has used up what may be run before I/O: so that comes first.
  if (budget_.is_spent_at(begun)) return true;
  const deadline until = begun + longest_without_poll;
  const bool shares_cpu = own.note_cpu() == spinning_->waiters.cpu();
  bool ran = false;
  for (;;) {
    if (has_unknown_descriptors()) return true;
    bool has_io = false;
    const auto spun = own.spin(
        shares_cpu, deadline::max(), [this] { return has_work(); },
        [this, needs_others, &has_io] {
          if (!needs_others) return spinner::others::are_not_needed;
          has_io = platform::is_readable(uv_backend_fd(loop()));
          return has_io ? spinner::others::have_come : spinner::others::are_needed;
        });
    if (has_io) return true;
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

/// Judges spinning by the sleep that has just ended: did work come soon?
void core::note_sleep() noexcept {
  if (asleep_since_ == deadline{}) return;
  const deadline since = std::exchange(asleep_since_, deadline{});
  spinning_->loop.note_cpu();
  spinning_->loop.slept(has_work() ? spinner::clock::now() - since : deadline::duration::max());
}

void core::after_poll() noexcept {
  if (!is_this_process()) return come_back_in_child();
  disarm();
  budget_.renew();
  if (spinning_ != nullptr) note_sleep();
  if (awake_since_ == 0) awake_since_ = uv_now(loop());
  if (draining_) {  // nested
    run_batch();
    // The bridge ends only when the callable that called uv_run returns: help it to.
    if (is_closed()) uv_stop(loop());
    return;
  }
  run_turn();
  if (turns_ended_ || !adopted_) return;
  // Only the owner of an adopted loop knows whether it turns again at once: it may be embedded in
  // another loop, which sleeps on uv_backend_fd. So it counts as asleep whenever it is not in our
  // hands, and work that is there already must be visible to such a poll.
  arm();
  if (has_work()) {
    disarm();
    handles_.keep_awake(true);
    doorbell_->ring();
  }
}

/// Runs one batch, and ends the bridge if it was stopped.
void core::run_turn() noexcept {
  do {
    // Held: another thread is ending this bridge. The closed list keeps the loop turning until that
    // is done.
    if (!drain_lock_.try_take()) return;
    draining_ = true;
    run_batch();
    if (!is_this_process()) return;
    if (handles_.closed_by_the_program() || (ends_when_idle_ && is_idle())) close();
    if (is_closed()) end_on_loop();
    draining_ = false;
    drain_lock_.give_back_and_look();
    // A stop() on another thread that found the lock held relies on this second look.
  } while (is_closed() && !turns_ended_);
}

/// Takes what is queued, and runs it until the budget is spent, which is one from each look at I/O
/// to the next: a loop that spins comes here several times in between. What is taken belongs to the
/// core and not to this frame, so that a uv_run nested in a callable goes on with it, in order.
///
/// It is taken in each turn, also while older calls are left: the list is the youngest first, and
/// turning round a long one would take longer than I/O may wait.
void core::run_batch() noexcept {
  // An adopted loop's thread is the program's, and may be cancelled.
  const platform::cancellation_disabled while_running;
  const in_callable of_this(*this);
  signals_.open(uv_now(loop()), has_children());
  const bool closed = is_closed();
  // Taking gives the permits back: with a capacity no more is taken before all of it has run.
  if (!gate_ || !has_leftover_ || closed) take_batch();
  turn_budget unlimited = turn_budget::unlimited();
  run_queued(closed ? unlimited : budget_);
  if (!is_this_process()) return come_back_in_child();
  has_leftover_ = batch_.oldest != nullptr;
}

void core::run_queued(turn_budget& budget) noexcept {
  while (batch_.oldest != nullptr) {
    if (budget.is_spent()) return;
    operation* const n = batch_.pop();
    // Asked for each: a stop on another thread holds for what is left of the batch too.
    if (opts_.on_stop == queued_calls::refuse && is_closed()) {
      refuse(*n);
    } else {
      counts_.ended.add_alone();
      if (call_base* const ended = n->run(*this); ended != nullptr) ended->finish();
    }
    if (!is_this_process()) return;
  }
}

void core::take_batch() noexcept {
  std::size_t count = 0;
  batch_.append(gate_ ? gate_->take(list(), count) : list().take(count));
  if (count == 0) return;
  counts_.turns.add_alone();
  counts_.taken.add_alone(count);
  counts_.most_taken.set_if_more(counts_.taken.get() - counts_.ended.get());
}

/// How long it was from the last look after I/O to this one. libuv has read the clock, both times.
void core::note_turn() noexcept {
  const std::uint64_t since = std::exchange(awake_since_, 0);
  // Not for an adopted loop: what its thread does between iterations is the program's.
  if (since != 0 && !adopted_) counts_.longest_turn.set_if_more(uv_now(loop()) - since);
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
  batch_ = {};
  has_leftover_ = false;
  handles_.keep_awake(false);
}

}  // namespace loopbridge::detail
