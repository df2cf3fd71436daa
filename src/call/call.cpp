#include "loopbridge/detail/call/call.hpp"

#include "loopbridge/detail/sync/interrupt_flag.hpp"
#include "sync/spin.hpp"

namespace loopbridge::detail {
namespace {
/// While the calling thread gives up handles: the list of handles that are given up by that.
constinit thread_local call_base** more_to_give_up = nullptr;
}  // namespace

missing call_base::what_is_missing() const noexcept {
  switch (completion_.how_far()) {
    case completion::queued:
    case completion::settling:
      return missing::turn;
    case completion::waiting:
      return missing::answer;
    default:
      return missing::callable;
  }
}

void call_base::end_wait(std::chrono::nanoseconds timeout, const interrupt_flag* by) {
  if (by != nullptr && by->is_tripped()) throw_interrupted(where_);
  const missing what = what_is_missing();
  if (!completion_.is_done()) throw_timed_out(where_, timeout, what);
}

bool call_base::spin_then_sleep(deadline until, const interrupt_flag* by) noexcept {
  spinners* const spinning = core_.spinning();
  if (spinning == nullptr) return core_.wait_for(completion_, until, by);
  spinner& own = spinning->waiters;
  const bool shares_cpu = own.note_cpu() == spinning->loop.cpu();
  if (own.is_worth_it()) {
    const auto spun = own.spin(
        shares_cpu, until, [this] { return completion_.is_done(); },
        [spinning] { return spinning->others_of_waiters(); });
    // While others wait for this loop too, one of them most likely had the CPU.
    if (spun == spinner::spun::late && core_.waiting() == 0) own.step_back();
    if (completion_.is_done()) return true;
  }
  const deadline begun = spinner::clock::now();
  const bool done = core_.wait_for(completion_, until, by);
  own.slept(spinner::clock::now() - begun);
  return done;
}

bool call_base::cancel() noexcept {
  if (!core_.is_this_process()) return false;
  if (completion_.try_claim_queued()) {
    core_.counts().cancelled.add();
    // The operation is still in the list, where the loop will find it and let go of it.
    discard_callable();
    set_failure(status::cancelled);
    completion_.publish(completion::settling, false);
    if (completion_.has_callbacks()) callbacks_.notify_all();
    return true;
  }
  if (completion_.request_cancel() != completion::waiting) return false;
  if (!answer_->claim_as_cancelled()) return false;  // it is being resolved at this moment
  core_.counts().cancelled.add();
  deferred_base& source = *answer_;
  set_failure(status::cancelled);
  completion_.publish(completion::waiting, true);
  if (completion_.has_callbacks()) callbacks_.notify_all();
  core_.unregister_later(source);  // held by answer_, as the caller holds the handle
  return true;
}

void call_base::cancel_late(std::chrono::nanoseconds timeout) {
  // How far it had come is known once it comes no further: it may have begun a moment ago.
  if (cancel()) throw_timed_out(where_, timeout, answer_ ? missing::answer : missing::turn);
  // Not cancelled and yet not ready: it is running just now, and nothing can stop that.
  if (!is_ready()) throw_timed_out(where_, timeout, what_is_missing());
}

void call_base::give_up() noexcept {
  if (!cancel() && is_ready() && is_cancellation_or_stop(error_to_report())) mark_read();
}

void call_base::give_up_handle(call_base& handle) noexcept {
  if (more_to_give_up != nullptr) {
    handle.next_given_up_ = std::exchange(*more_to_give_up, &handle);
    return;
  }
  call_base* first = &handle;
  more_to_give_up = &first;
  while (call_base* const r = first) {
    first = r->next_given_up_;
    r->give_up();
    r->drop_handle();
  }
  more_to_give_up = nullptr;
}

/// Loop, when the callable has returned: running -> waiting, until answer_ is settled.
void call_base::wait_for_answer() noexcept {
  loop_core& core = core_;
  deferred_base& answer = *answer_;
  answer.set_call(core, where_);
  core.register_deferred(answer);
  const bool cancel_asked = completion_.start_waiting();
  // From here a canceller on another thread may complete this call, and its owner free it. Only the
  // address is used until attach() says that the call is still ours. The register holds `answer`.
  if (!answer.attach(*this)) {
    core.unregister(answer);  // answer_ still holds it
    take_from(answer);
    answer.empty();
    complete(completion::waiting);
  } else if (cancel_asked) {
    answer.end_as(status::cancelled);
  } else {
    answer.end_if_circular();
  }
}

void call_base::complete_waiting() noexcept {
  complete(completion::waiting);
}

void call_base::fail_waiting(status s) noexcept {
  set_failure(s);
  complete(completion::waiting);
}

void call_base::report_if_unread() noexcept {
  if (read_.load(std::memory_order_relaxed) || !core_.is_this_process()) return;
  if (std::exception_ptr error = error_to_report(); error != nullptr) {
    core_.unhandled(std::move(error), where_);
  }
}

}  // namespace loopbridge::detail
