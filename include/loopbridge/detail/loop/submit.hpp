#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/results/eventual.hpp"
#include "loopbridge/submission.hpp"

/// The verbs of a bridge, as functions over its core: each makes a call, and has it accepted by the
/// inbox or takes it back. `where` is where the program called the verb.
namespace loopbridge::detail {

/// How a call of an ordinary thread's goes in.
struct submit_options {
  /// The call's own time, for the wait for room too.
  std::chrono::nanoseconds timeout = for_ever;
  deadline until = no_deadline;
  bool announced = false;    ///< a blocking_wait for this bridge stands already
  bool never_waits = false;  ///< a full bridge refuses it, whatever options::patience is

  static submit_options within(std::chrono::nanoseconds timeout) {
    return {timeout, deadline_after(timeout)};
  }
  static submit_options without_waiting() { return {for_ever, no_deadline, false, true}; }
};

/// The way in for what counts towards options::capacity. Ordinary threads. May wait for room, and
/// then throws bridge_full, timed_out, would_deadlock or wrong_process.
inline status enter(loop_core& c, operation& n, const submit_options& how,
                    std::source_location where) {
  const status s = c.is_special() ? c.submit_specially(n, how, where) : c.submit(n);
  if (s != status::accepted) c.counts().refused.add();
  return s;
}

/// post: destroyed on the loop thread once it has run.
template <class Bound>
class posted_call final : public operation {
 public:
  template <class F>
  explicit posted_call(std::source_location where, F&& f)
      : where_(where), callable_(std::forward<F>(f)) {}

  call_base* run(loop_core& core) noexcept override {
    nobody_waits_for<typename Bound::result_type>();
    run_unanswered(core, where_, [&] { callable_(core.loop()); });
    destroy_in_block(this, core.memory());
    return nullptr;
  }

  call_base* refuse(loop_core& core) noexcept override {
    const std::source_location where = where_;
    destroy_in_block(this, core.memory());
    core.unhandled(make_error(status::bridge_stopped, where), where);
    return nullptr;
  }

 private:
  const std::source_location where_;
  Bound callable_;
};

template <class F>
void post_to(loop_core& c, std::source_location where, F&& f) {
  using posted = posted_call<bound_call_of<F>>;
  posted* const p = make_in_block<posted>(c.memory(), where, std::forward<F>(f));
  try {
    throw_unless_ok(enter(c, *p, {}, where), where);
  } catch (...) {
    destroy_in_block(p, c.memory());
    throw;
  }
}

template <class F>
status try_post_to(loop_core& c, std::source_location where, F&& f) noexcept {
  using posted = posted_call<bound_call_of<F>>;
  static_assert(std::is_nothrow_constructible_v<std::decay_t<F>, F>,
                "try_post does not throw: pass a callable that moves without throwing, by move");
  posted* p = nullptr;
  try {
    p = make_in_block<posted>(c.memory(), where, std::forward<F>(f));
  } catch (...) {
    return status::exhausted;
  }
  const status s = enter(c, *p, submit_options::without_waiting(), where);
  if (s != status::accepted) destroy_in_block(p, c.memory());
  return s;
}

template <class F>
auto submit_to(loop_core& c, const submit_options& how, std::source_location where, F&& f)
    -> eventual<answer_t<bound_call_of<F>>> {
  using submitted = submitted_call<bound_call_of<F>>;
  submitted* const s = make_in_block<submitted>(c.memory(), c, where, std::forward<F>(f));
  try {
    throw_unless_ok(enter(c, *s, how, where), where);
  } catch (...) {
    s->undo();
    throw;
  }
  return eventual_access::make<answer_t<bound_call_of<F>>>(*s);
}

template <class F>
auto try_submit_to(loop_core& c, std::source_location where, F&& f) noexcept
    -> submission<answer_t<bound_call_of<F>>> {
  using submitted = submitted_call<bound_call_of<F>>;
  static_assert(std::is_nothrow_constructible_v<std::decay_t<F>, F>,
                "try_submit does not throw: pass a callable that moves without throwing, by move");
  submitted* s = nullptr;
  try {
    s = make_in_block<submitted>(c.memory(), c, where, std::forward<F>(f));
  } catch (...) {
    return {status::exhausted, where};
  }
  if (const status st = enter(c, *s, submit_options::without_waiting(), where);
      st != status::accepted) {
    s->undo();
    return {st, where};
  }
  return {eventual_access::make<answer_t<bound_call_of<F>>>(*s), where};
}

/// call: all of it in its caller's frame, which stays until the result is there. No allocation.
///
/// A child that is forked out of the wait keeps its hands off it: the loop's thread, which does not
/// exist there, may have been in the middle of it.
template <class Bound>
class stack_call {
 public:
  /// Throws as blocking_wait does, before anything is made.
  template <class F>
  explicit stack_call(loop_core& core, std::source_location where, F&& f)
      : waiting_(core, where, blocking_wait::how::endless),
        call_(std::in_place, core, where, std::forward<F>(f)) {
    waiting_.is_for(call_.value.completion(), call_.value);
  }
  ~stack_call() {
    if (call_.value.core().is_this_process()) call_.destroy();
  }
  stack_call(const stack_call&) = delete;
  stack_call& operator=(const stack_call&) = delete;

  operation& in_list() noexcept { return call_.value; }
  /// The inbox refused it: destroys the callable.
  void undo() noexcept {
    waiting_.end();
    call_.value.discard_callable();
  }
  /// The answer.
  auto wait_and_take() -> answer_t<Bound> {
    const bool answered = call_.value.spin_then_sleep(no_deadline);
    waiting_.end();
    if (!answered) throw_error(status::wrong_process, call_.value.where());  // forked meanwhile
    return call_.value.take();
  }

 private:
  class in_frame final : public call_with_result<Bound> {
   public:
    template <class F>
    explicit in_frame(loop_core& core, std::source_location where, F&& f)
        : call_with_result<Bound>(core, where, std::forward<F>(f)) {}
    const detail::completion& completion() const noexcept { return this->completion_; }
    using call_with_result<Bound>::discard_callable;
    using call_base::spin_then_sleep;

   private:
    void destroy() noexcept override {}
  };

  blocking_wait waiting_;
  manual_lifetime<in_frame> call_;
};

/// Submits, waits, and takes the answer.
template <class F>
auto call_on(loop_core& c, std::source_location where, F&& f) -> answer_t<bound_call_of<F>> {
  stack_call<bound_call_of<F>> call(c, where, std::forward<F>(f));
  try {
    throw_unless_ok(enter(c, call.in_list(), {.announced = true}, where), where);
  } catch (...) {
    call.undo();
    throw;
  }
  return call.wait_and_take();
}

/// The same with a deadline, at which it cancels.
template <class F>
auto call_on_until(loop_core& c, const submit_options& how, std::source_location where, F&& f)
    -> answer_t<bound_call_of<F>> {
  // Throws before anything is submitted.
  {
    const blocking_wait may_wait(c, where, blocking_wait::how::timed);
  }
  auto answer = submit_to(c, how, where, std::forward<F>(f));
  call_base& call = eventual_access::state(answer);
  bool in_time = false;
  try {
    in_time = call.wait(how.until);
  } catch (...) {  // a cycle of waiting loops, closed since the look above
    call.cancel();
    throw;
  }
  if (!in_time) call.cancel_late(how.timeout);
  return std::move(answer).get();
}

template <class F>
void at_stop_of(loop_core& c, std::source_location where, F&& f) {
  using posted = posted_call<bound_call_of<F>>;
  posted* const p = make_in_block<posted>(c.memory(), where, std::forward<F>(f));
  try {
    throw_unless_ok(c.push_stop_function(*p), where);
  } catch (...) {
    destroy_in_block(p, c.memory());
    throw;
  }
}

}  // namespace loopbridge::detail
