#include <cstdio>
#include <utility>

#include "core.hpp"
#include "links.hpp"
#include "loopbridge/detail/blocking_wait.hpp"
#include "loopbridge/detail/completion.hpp"
#include "loopbridge/detail/deferred_base.hpp"
#include "loopbridge/detail/own_handle.hpp"
#include "loopbridge/detail/reentrant_state.hpp"
#include "loopbridge/detail/result.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

// How a bridge ends. Whoever stops it closes the list, in one atomic operation: from then on every
// submission is refused, and what was accepted is in the list, the running snapshot or the register
// of deferreds. The loop then ends all of that (end_on_loop), in this order:
//
//   1. what is queued runs, or is refused          no call is left
//      firings of which neither came are reported  see reentrant_state
//   2. deferreds fail, their cancel hooks run      no waiter is left
//      functions given to at_stop() run            the last one first
//   3. our handles are closed                      no ring touches one any more
//   4. the program's handles are reported, closed; requests at work are waited for; the loop closes
namespace loopbridge::detail {
namespace {

template <class Handle>
uv_handle_t* as_handle(Handle& h) noexcept {
  return reinterpret_cast<uv_handle_t*>(&h);
}
template <class Handle>
const uv_handle_t* as_handle(const Handle& h) noexcept {
  return reinterpret_cast<const uv_handle_t*>(&h);
}

}  // namespace

void core::stop() {
  if (!is_this_process()) throw_wrong_process();
  list_.close();
  if (on_loop_thread()) {
    if (adopted_ && !draining_) {
      end_turns();
    } else {
      wake();  // rings only if this is a prepare callback that runs after ours
    }
    return;
  }
  wake();
  if (room_) room_->let_all_go();
  if (adopted_) return release_waiters_from_elsewhere();
  const blocking_wait waiting(*this, {}, blocking_wait::how::endless, &ended_);
  if (!ended_.wait(no_deadline, process_)) throw_wrong_process();  // forked by a handler
  const platform::cancellation_disabled while_joining;
  const std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.join();
  if (watch_) watch_->join();
}

void core::stop_reentrant() noexcept {
  if (!is_this_process()) return;
  list_.close();
  wake();
}

void core::end() noexcept {
  const platform::cancellation_disabled while_ending;
  try {
    stop();
  } catch (...) {
    // would_deadlock, or no memory to say so: the loop waits for the caller, so it cannot be
    // joined, but it will end. Or wrong_process.
  }
  if (!is_this_process()) {
    // The thread does not exist here. What it held of the core it will never release, so the core
    // stays, untouched, like the rest of the parent's memory; only the bridge's own hold goes.
    add_ref();
    return;
  }
  const std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.detach();
}

/// Ends everything on this thread, which is the loop's, outside a turn. At most once.
void core::end_turns() noexcept {
  list_.close();
  if (!turns_ended_) {
    // Another thread may be releasing the waiters of an adopted loop: when this returns, that is
    // done too, and the handles are closed. acquire: the register; pairs with
    // release_waiters_from_elsewhere().
    while (in_turn_.exchange(2, std::memory_order_acquire) != 0) {
      if (!futex_wait(in_turn_, 2, no_deadline, process_)) return;  // a child: not its core
    }
    draining_ = true;
    // The program has closed all handles, and perhaps the loop: nothing can run on it any more.
    if (adopted_ && closed_by_the_program()) opts_.on_stop = queued_calls::refuse;
    drain();
    end_on_loop();
    draining_ = false;
    give_turn_back(std::memory_order_release);  // pairs with try_take_turn()
  }
  if (!adopted_) close_program_handles();
}

void core::end_on_loop() noexcept {
  const platform::cancellation_disabled while_running;  // as in drain(), for the hooks
  drain();                                              // the list is closed: the last snapshot
  end_firings();
  while (enlisted_ != nullptr) {
    deferred_base& d = *enlisted_;
    // Not ours to claim: it is being resolved or cancelled by somebody, who completes the call.
    if (d.claim_as_cancelled()) d.fail(failure::stopped);
    delist(d);
  }
  run_stop_functions();
  bell_.disarm();
  if (watch_) watch_->end();
  turns_ended_ = true;
  close_handles();
  if (!adopted_) {
    uv_stop(loop_);
  } else {
    forget_loop_thread();  // which may end, and this bridge will not hear of it
  }
}

void core::run_stop_functions() noexcept {
  stop_functions_.close();
  chain in_order = stop_functions_.take();
  node* last = nullptr;
  while (node* const n = in_order.pop()) {
    n->next = last;
    last = n;
  }
  while (last != nullptr) {
    node* const before = last->next;  // read before it runs, which frees it
    (void)last->run(*this);           // of at_stop(): nobody waits for it
    last = before;
  }
}

/// Ends what is queued without running it. Who holds the turn.
void core::refuse(node& n) noexcept {
  counts_.ended.add_alone();
  (n.is_call() ? counts_.stopped : counts_.not_calls).add_alone();
  if (result_base* const ended = n.refuse(*this); ended != nullptr) ended->finish();
}

/// stop() on another thread than the adopted loop's, which may never turn again: releases all
/// waiters here. If the loop is in a turn, it sees that the list is closed when that ends.
void core::release_waiters_from_elsewhere() noexcept {
  if (!try_take_turn()) return;
  take_snapshot();
  while (node* const n = taken_.pop()) refuse(*n);
  end_firings();
  for (deferred_base* d = enlisted_; d != nullptr; d = d->following) {
    if (d->claim_as_cancelled()) d->fail(failure::stopped);  // the hook is for the loop's next turn
  }
  give_turn_back(std::memory_order_release);  // pairs with try_take_turn() and end_turns()
}

void core::enroll(reentrant_state& s) noexcept {
  if (!is_this_process()) return;  // whose mutex another thread of the parent's may have held
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(enrolling_);
  link_first(enrolled_, s);
  s.enrolled = true;
}

void core::strike_off(reentrant_state& s) noexcept {
  if (!is_this_process()) return;
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(enrolling_);
  if (std::exchange(s.enrolled, false)) unlink(enrolled_, s);
}

/// The list is closed, and all that was in it has ended. Who holds the turn.
void core::end_firings() noexcept {
  for (;;) {
    place where;
    {
      const platform::signals_blocked while_locked;
      const std::lock_guard lock(enrolling_);
      bool any_left = false;
      while (!any_left && enrolled_ != nullptr) {
        reentrant_state& s = *enrolled_;
        s.enrolled = false;
        unlink(enrolled_, s);
        any_left = s.end_firings() != 0;
        where = s.where();
      }
      if (!any_left) return;
    }
    // The call itself may be gone from here.
    unhandled(make_error(failure::stopped, where), where);
  }
}

void core::close_handles() noexcept {
  if (!handles_open_) return;
  handles_open_ = false;
  close_own(as_handle(prepare_), theirs_[0], handle_is_closed);
  close_own(as_handle(check_), theirs_[1], handle_is_closed);
  close_own(as_handle(idle_), theirs_[2], handle_is_closed);
  doorbell_->close(doorbell_is_closed);
}

/// Has a uv_walk() of the program's ended what the bridge turns by? Then that is a stop.
bool core::closed_by_the_program() const noexcept {
  return handles_open_ &&
         (uv_is_closing(as_handle(prepare_)) != 0 || uv_is_closing(as_handle(check_)) != 0 ||
          uv_is_closing(as_handle(idle_)) != 0 || uv_is_closing(doorbell_->handle()) != 0);
}

void core::handle_is_closed(uv_handle_t* h) noexcept {
  core& self = *static_cast<core*>(h->data);
  const uv_close_cb theirs = self.theirs_[h == as_handle(self.prepare_) ? 0
                                          : h == as_handle(self.check_) ? 1
                                                                        : 2];
  if (theirs != nullptr) theirs(h);
  if (--self.handles_left_ == 0) self.release_ref();
}

void core::doorbell_is_closed(uv_handle_t* h) noexcept {
  auto& bell = *static_cast<doorbell_base*>(h->data);
  core& self = *static_cast<core*>(bell.owner);
  if (bell.theirs != nullptr) bell.theirs(h);
  if (--self.handles_left_ == 0) self.release_ref();
}

void core::close_program_handles() noexcept {
  // Close callbacks may open new handles, so this goes round; a program that does so for ever is
  // left with a loop that is not closed.
  for (int round = 0; round < 100; ++round) {
    uv_walk(
        loop_,
        [](uv_handle_t* h, void* self) {
          if (uv_is_closing(h) != 0) return;
          static_cast<core*>(self)->report_open(h);
          if (uv_is_closing(h) == 0) uv_close(h, nullptr);
        },
        this);
    uv_run(loop_, UV_RUN_DEFAULT);  // close callbacks, and requests that are still at work
    if (uv_loop_close(loop_) == 0) return;
  }
}

void core::report_open(uv_handle_t* handle) noexcept {
  const platform::cancellation_disabled while_writing;
  const open_handle open{uv_handle_type_name(handle->type), handle, name()};
  try {
    if (opts_.on_open_handle) return opts_.on_open_handle(open);
  } catch (...) {
    unhandled(std::current_exception(), {});
  }
  std::fprintf(stderr,
               "loopbridge: bridge '%s' stopped while a uv handle of type %s was open; it was "
               "closed (close it before stop(), or set options::on_open_handle)\n",
               open.bridge, open.type);
}

void core::unhandled(std::exception_ptr error, place where) noexcept {
  const platform::cancellation_disabled while_writing;
  try {
    if (opts_.on_unhandled_error) return opts_.on_unhandled_error({error, where, name()});
  } catch (...) {
    std::fputs("loopbridge: options::on_unhandled_error threw; it must not\n", stderr);
  }
  const place_text from(where);
  const char* what = "an exception that is not a std::exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    std::fprintf(stderr,
                 "loopbridge: bridge '%s': nobody received this failure of a call from %s: %s\n",
                 name(), from.c_str(), e.what());
    return;
  } catch (...) {
  }
  std::fprintf(stderr,
               "loopbridge: bridge '%s': nobody received this failure of a call from %s: %s\n",
               name(), from.c_str(), what);
}

}  // namespace loopbridge::detail
