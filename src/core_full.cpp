#include <pthread.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core.hpp"
#include "links.hpp"
#include "loopbridge/detail/blocking_wait.hpp"
#include "loopbridge/detail/result.hpp"
#include "loopbridge/errors.hpp"
#include "room.hpp"
#include "uncancellable.hpp"
#include "undisturbed.hpp"

// Bridges with a capacity: where calls are counted, and what becomes of one that finds no room.
namespace loopbridge::detail {

bool room::claim() noexcept {
  std::size_t n = claimed_.load(std::memory_order_relaxed);
  while (n < capacity_) {
    if (claimed_.compare_exchange_weak(n, n + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

/// Are places in use although nothing is queued? A thread that is about to push has one, or a frame
/// had one that was left. If the former, there may be one call too many for a moment; but nobody
/// may wait for the latter, since the loop sleeps.
bool room::is_stale(const submission_list& list) const noexcept {
  return aside_.oldest == nullptr && !list.has_news();
}

status room::claim_or_wait(submission_list& list, waiter* w) noexcept {
  const undisturbed by_handlers;
  const std::lock_guard lock(mutex_);
  if (list.closed()) return status::stopped;
  if (claim()) return status::accepted;
  if (is_stale(list)) {
    claimed_.store(1, std::memory_order_relaxed);
    return status::accepted;
  }
  if (w == nullptr) return status::full;
  link_first(waiters_, *w);
  w->waits = true;
  return status::full;
}

void room::leave(waiter& w) noexcept {
  const undisturbed by_handlers;
  const std::lock_guard lock(mutex_);
  if (!w.waits) return;  // let go meanwhile
  unlink(waiters_, w);
}

/// All of them, not as many as there are places: one that is passed over would depend on others to
/// go on, who may be cancelled, stopped in a debugger, or have given up.
void room::let_go_under_lock() noexcept {
  while (waiters_ != nullptr) {
    waiter& w = *waiters_;
    waiters_ = w.following;
    w.waits = false;
    w.let_go.publish(completion::queued, false);  // after that it may be gone
  }
}

void room::let_all_go() noexcept {
  const undisturbed by_handlers;
  const std::lock_guard lock(mutex_);
  let_go_under_lock();
}

chain room::take(submission_list& list, std::size_t& count) noexcept {
  const undisturbed by_handlers;
  const std::lock_guard lock(mutex_);
  // Looked at first: who claims from now on has a call in the list after this, or is counted too
  // long, until the next time.
  const std::size_t n = claimed();
  const bool was_closed = list.closed();
  const chain newer = list.take(count);
  if (was_closed) all_taken_.set(1);
  claimed_.fetch_sub(n, std::memory_order_relaxed);
  let_go_under_lock();
  count += std::exchange(count_aside_, 0);
  chain taken = std::exchange(aside_, {});
  taken.append(newer);
  return taken;
}

/// Where it hangs in what is set aside.
node** room::oldest_with_a_place() noexcept {
  node** at = &aside_.oldest;
  while (*at != nullptr && !(*at)->takes_room()) at = &(*at)->next;
  return *at != nullptr ? at : nullptr;
}

template <class Wake>
bool room::exchange_oldest(submission_list& list, node& n, node*& oldest, Wake&& wake) noexcept {
  const undisturbed by_handlers;
  const std::lock_guard lock(mutex_);
  node** at = oldest_with_a_place();
  if (at == nullptr) {
    aside_.append(list.take(count_aside_));
    at = oldest_with_a_place();
  }
  if (!list.push(n)) return false;  // closed, so the loop comes for what is set aside, too
  wake();
  if (at == nullptr) return true;
  oldest = *at;
  *at = oldest->next;
  --count_aside_;
  if (oldest == aside_.youngest) {
    aside_.youngest = aside_.oldest;
    for (node* n = aside_.oldest; n != nullptr; n = n->next) aside_.youngest = n;
  }
  return true;
}

status core_base::submit_specially(node& n, const entry& how, place where) {
  core& self = static_cast<core&>(*this);
  const status s = self.room_ ? self.submit_if_room(n, how, where) : submit(n);
  if (s == status::accepted && self.adopted_) self.keep_alive_from_inside();
  return s;
}

/// A closing callback, and with newer libuv a timer's, may be the last thing that uv_run does: it
/// returns, unless something is alive by then. The thread of the loop may see to that. (Not for a
/// handler's calls, which do not come here: it may have interrupted libuv.)
void core::keep_alive_from_inside() noexcept {
  if (!pthread_equal(turned_on_.load(std::memory_order_relaxed), pthread_self())) return;
  if (handles_open_ && !draining_) keep_awake(true);
}

status core::submit_if_room(node& n, const entry& how, place where) {
  if (!is_this_process()) return status::wrong_process;
  if (room_->claim()) return submit(n);
  const when_full& policy = how.policy ? *how.policy : opts_.when_full;
  const bool blocks = policy.what() == when_full::kind::block;
  if (blocks && !how.never_waits) return submit_when_room(n, how, where, policy);
  // The lock is for a full bridge's calls; those of a stopped one are refused without.
  const status s = is_closed() ? status::stopped : room_->claim_or_wait(list_, nullptr);
  if (s == status::accepted) return submit(n);
  if (s == status::stopped || blocks || policy.what() == when_full::kind::refuse) return s;
  if (policy.what() == when_full::kind::run_inline) return run_inline(n);
  node* oldest = nullptr;
  if (!room_->exchange_oldest(list_, n, oldest, [this] { wake(); })) return status::stopped;
  if (oldest != nullptr) {
    counts_.dropped.add();
    // Runs destructors and hooks of the program's: not under the lock.
    if (result_base* const ended = oldest->drop(*this); ended != nullptr) ended->finish();
  }
  return status::accepted;
}

status core::submit_when_room(node& n, const entry& how, place where, const when_full& policy) {
  const deadline patience = policy.until();
  for (;;) {
    room::waiter w;
    const status s = room_->claim_or_wait(list_, &w);
    if (s == status::accepted) return submit(n);
    if (s == status::stopped) return s;
    bool let_go = false;
    try {
      if (on_loop_thread()) {
        throw would_deadlock(std::string("loopbridge: bridge '") + name() +
                             "' is full, and waiting for room on its own loop thread, which alone "
                             "makes room, would never end" +
                             submitted_at(where) +
                             "; there use bridge::with() and when_full::run_inline(), refuse() or "
                             "drop_oldest()");
      }
      std::optional<blocking_wait> waiting;
      if (!how.announced) waiting.emplace(*this, where, blocking_wait::how::timed, &w.let_go);
      counts_.blocks_begun.add();
      let_go = wait_for(w.let_go, std::min(patience, how.until), where);
      counts_.blocks_ended.add();
    } catch (...) {
      room_->leave(w);
      counts_.refused.add();
      throw;
    }
    if (let_go) continue;
    if (!is_this_process()) return status::wrong_process;  // forked by a handler: not our lock
    room_->leave(w);
    counts_.refused.add();
    if (how.until < patience) throw_timed_out(where, how.timeout, missing::room);
    throw_full(where, policy.patience());
  }
}

/// On the loop's thread, as if it were called by the loop, if nothing runs so already.
status core::run_inline(node& n) noexcept {
  if (!on_loop_thread() || inline_) return status::full;
  // A stop() elsewhere may be ending an adopted bridge, unless a turn of ours is under way.
  const bool takes_turn = adopted_ && !draining_;
  if (takes_turn && !try_take_turn()) return status::full;
  const uncancellable running;  // as in drain()
  counts_.taken.add_alone();
  counts_.ended.add_alone();
  inline_ = true;
  if (result_base* const ended = n.run(*this); ended != nullptr) ended->finish();
  inline_ = false;
  if (takes_turn && is_this_process()) {
    // It was a turn, and ends like one: a stop() elsewhere that found it taken relies on the look
    // that follows; pairs with try_take_turn().
    give_turn_back(std::memory_order_seq_cst);
    if (list_.closed()) end_turns();
  }
  return status::accepted;
}

}  // namespace loopbridge::detail
