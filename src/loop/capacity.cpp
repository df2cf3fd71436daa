#include "loop/capacity.hpp"

#include <algorithm>
#include <optional>
#include <source_location>
#include <string>

#include "loop/core.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/detail/loop/submit.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"
#include "sync/intrusive_list.hpp"

// Bridges with a capacity: where calls are counted, and what becomes of one that finds no room.
namespace loopbridge::detail {

bool capacity_gate::claim() noexcept {
  std::size_t n = claimed_.load(std::memory_order_relaxed);
  while (n < capacity_) {
    if (claimed_.compare_exchange_weak(n, n + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

status capacity_gate::claim_or_wait(submission_list<operation>& list, waiter* w) noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  if (list.closed()) return status::bridge_stopped;
  if (claim()) return status::accepted;
  if (!list.has_news()) {
    // Permits are held, but nothing is queued: either a thread is between its claim and its push,
    // or siglongjmp left a frame that was. A wait for the second would never end, as the loop
    // sleeps. Because of the first there may be one call too many for a moment.
    claimed_.store(1, std::memory_order_relaxed);
    return status::accepted;
  }
  if (w == nullptr) return status::bridge_full;
  link_first(waiters_, *w);
  w->waits = true;
  return status::bridge_full;
}

void capacity_gate::leave(waiter& w) noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  if (!w.waits) return;  // let go meanwhile
  unlink(waiters_, w);
}

/// All of them, not as many as there are permits. The wake-up of a waiter that is passed over would
/// depend on other waiters, which may be cancelled, stopped in a debugger, or have given up.
void capacity_gate::let_go_under_lock() noexcept {
  while (waiters_ != nullptr) {
    waiter& w = *waiters_;
    waiters_ = w.following;
    w.waits = false;
    w.let_go.publish(completion::queued, false);  // after that it may be gone
  }
}

void capacity_gate::let_all_go() noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  let_go_under_lock();
}

batch capacity_gate::take(submission_list<operation>& list, std::size_t& count) noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  // Read before the list is taken: a claim made after this has a call in the list later, or is
  // counted too long, until the next time.
  const std::size_t n = claimed();
  const bool was_closed = list.closed();
  const batch taken = list.take(count);
  if (was_closed) all_taken_.set(1);
  claimed_.fetch_sub(n, std::memory_order_relaxed);
  let_go_under_lock();
  return taken;
}

/// A closing callback, and with newer libuv a timer's, may be the last thing that uv_run does: it
/// returns, unless something is alive by then. The loop thread may see to that. (Not for a
/// handler's calls, which do not come here: it may have interrupted libuv.)
void core::keep_alive_from_inside() noexcept {
  if (turned_on_.load(std::memory_order_relaxed) != platform::this_thread()) return;
  if (handles_.are_open() && !draining_) handles_.keep_awake(true);
}

status core::submit_if_room(operation& n, const submit_options& how, std::source_location where) {
  if (!is_this_process()) return status::wrong_process;
  if (gate_->claim()) return submit(n);
  // Without the lock, which is for a full bridge's calls.
  if (is_closed()) return status::bridge_stopped;
  const bool waits = !how.never_waits && opts_.patience > opts_.patience.zero();
  const deadline patience = deadline_after(opts_.patience);
  for (;;) {
    capacity_gate::waiter w;
    const status s = gate_->claim_or_wait(list(), waits ? &w : nullptr);
    if (s == status::accepted) return submit(n);
    if (s == status::bridge_stopped || !waits) return s;
    if (wait_for_room(w, std::min(patience, how.until), how, where)) continue;
    if (!is_this_process()) return status::wrong_process;  // forked by a handler
    counts_.refused.add();
    if (how.until < patience) throw_timed_out(where, how.timeout, missing::room);
    throw_full(where, opts_.patience);
  }
}

/// True: `w` was let go. False: it waits no more, as the time is up or this is a child.
bool core::wait_for_room(capacity_gate::waiter& w, deadline until, const submit_options& how,
                         std::source_location where) try {
  if (on_loop_thread()) {
    throw would_deadlock(std::string("loopbridge: bridge '") + name() +
                         "' is full, and waiting for room on its own loop thread, which alone "
                         "makes room, would never end" +
                         submitted_at(where) +
                         "; there use try_post() or try_submit(), or raise options::capacity");
  }
  std::optional<blocking_wait> waiting;
  if (!how.announced) waiting.emplace(*this, where, blocking_wait::how::timed, &w.let_go);
  counts_.blocks_begun.add();
  const bool let_go = wait_for(w.let_go, until);
  counts_.blocks_ended.add();
  if (!let_go && is_this_process()) gate_->leave(w);  // in a child it is not our lock
  return let_go;
} catch (...) {
  gate_->leave(w);
  counts_.refused.add();
  throw;
}

}  // namespace loopbridge::detail
