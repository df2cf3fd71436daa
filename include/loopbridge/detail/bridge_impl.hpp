#pragma once

// The templates of bridge.hpp, from the public call down to core_base::submit.

namespace loopbridge {

namespace detail {
template <class F>
void post_to(core_base& c, const entry& how, place where, F&& f) {
  using posted = posted_call<bound_call_of<F>>;
  posted* const p = make_in_block<posted>(c.memory(), where, std::forward<F>(f));
  status s;
  try {
    s = c.submit_call(*p, how, where);
  } catch (...) {
    destroy_in_block(p, c.memory());
    throw;
  }
  if (s != status::accepted) {
    destroy_in_block(p, c.memory());
    throw_unless_ok(s, where);
  }
}
}  // namespace detail

template <class F>
void bridge::do_post(const detail::entry& how, place where, F&& f) {
  detail::post_to(core(), how, where, std::forward<F>(f));
}

namespace detail {
template <class... Bound>
auto submit_to(core_base& c, const entry& how, place where, Bound&&... bound)
    -> eventual<answer_t<bound_call_of<Bound...>>> {
  using bound_type = bound_call_of<Bound...>;
  using submitted = submitted_call<bound_type>;
  submitted* const s =
      make_in_block<submitted>(c.memory(), c, where, std::forward<Bound>(bound)...);
  status st;
  try {
    st = c.submit_call(*s, how, where);
  } catch (...) {
    s->undo();
    throw;
  }
  if (st != status::accepted) {
    s->undo();
    throw_unless_ok(st, where);
  }
  return eventual_access::make<answer_t<bound_type>>(*s);
}
}  // namespace detail

template <class... Bound>
auto bridge::do_submit(const detail::entry& how, place where, Bound&&... bound)
    -> eventual<detail::answer_t<detail::bound_call_of<Bound...>>> {
  return detail::submit_to(core(), how, where, std::forward<Bound>(bound)...);
}

template <class F>
auto bridge::do_call(detail::entry how, place where, F&& f)
    -> detail::answer_t<detail::bound_call_of<F>> {
  detail::core_base& c = core();
  using detail::blocking_wait;  // throws before anything is submitted
  blocking_wait waiting(c, where, blocking_wait::how::endless);
  detail::stack_call_frame<detail::bound_call_of<F>> frame(c, where, std::forward<F>(f));
  auto& s = frame.call();
  s.announce(waiting);
  how.announced = true;
  status st;
  try {
    st = c.submit_call(s, how, where);
  } catch (...) {
    s.undo();
    throw;
  }
  if (st != status::accepted) {
    waiting.end();
    s.undo();
    throw_unless_ok(st, where);
  }
  if (!s.wait_to_the_end(waiting)) detail::throw_wrong_process(where);
  return s.take();
}

template <class... Bound>
auto bridge::do_call_until(const detail::entry& how, place where, Bound&&... bound)
    -> detail::answer_t<detail::bound_call_of<Bound...>> {
  {
    using detail::blocking_wait;  // throws before anything is submitted
    const blocking_wait may_wait(core(), where, blocking_wait::how::timed);
  }
  auto answer = do_submit(how, where, std::forward<Bound>(bound)...);
  bool in_time = false;
  try {
    in_time = answer.state().wait(how.until);
  } catch (...) {  // a cycle of waiting loops, closed since the look above
    answer.cancel();
    throw;
  }
  if (!in_time) {
    const detail::missing what = answer.state().what_is_missing();
    // Not cancelled and yet not ready: it is running just now, and nothing can stop that.
    if (answer.cancel() || !answer.ready()) detail::throw_timed_out(where, how.timeout, what);
  }
  return std::move(answer).get();
}

template <class F>
status bridge::do_try_post(const detail::entry& how, place where, F&& f) noexcept {
  using posted = detail::posted_call<detail::bound_call_of<F>>;
  static_assert(std::is_nothrow_constructible_v<std::decay_t<F>, F>,
                "try_post does not throw: pass a callable that moves without throwing, by move");
  if (!core_) return status::stopped;
  posted* p = nullptr;
  try {
    p = detail::make_in_block<posted>(core_->memory(), where, std::forward<F>(f));
  } catch (...) {
    return status::exhausted;
  }
  const status s = core_->submit_call(*p, how, where);  // does not wait, and so does not throw
  if (s != status::accepted) detail::destroy_in_block(p, core_->memory());
  return s;
}

template <class F>
auto bridge::do_try_submit(const detail::entry& how, place where, F&& f) noexcept
    -> submission<detail::answer_t<detail::bound_call_of<F>>> {
  using submitted = detail::submitted_call<detail::bound_call_of<F>>;
  static_assert(std::is_nothrow_constructible_v<std::decay_t<F>, F>,
                "try_submit does not throw: pass a callable that moves without throwing, by move");
  if (!core_) return {status::stopped, where};
  submitted* s = nullptr;
  try {
    s = detail::make_in_block<submitted>(core_->memory(), *core_, where, std::forward<F>(f));
  } catch (...) {
    return {status::exhausted, where};
  }
  if (const status st = core_->submit_call(*s, how, where); st != status::accepted) {
    s->undo();
    return {st, where};
  }
  return {detail::eventual_access::make<detail::answer_t<detail::bound_call_of<F>>>(*s), where};
}

template <class F>
void bridge::post(F&& f, place where) {
  do_post({}, where, std::forward<F>(f));
}

template <class F>
void bridge::at_stop(F&& f, place where) {
  using posted = detail::posted_call<detail::bound_call_of<F>>;
  detail::core_base& c = core();
  posted* const p = detail::make_in_block<posted>(c.memory(), where, std::forward<F>(f));
  if (const status s = c.push_stop_function(*p); s != status::accepted) {
    detail::destroy_in_block(p, c.memory());
    throw_unless_ok(s, where);
  }
}

template <class F>
status bridge::try_post(F&& f, place where) noexcept {
  return do_try_post(detail::entry::without_waiting(), where, std::forward<F>(f));
}

template <class F>
auto bridge::try_submit(F&& f, place where) noexcept
    -> submission<detail::answer_t<detail::bound_call_of<F>>> {
  return do_try_submit(detail::entry::without_waiting(), where, std::forward<F>(f));
}

template <class F>
auto bridge::submit(F&& f, place where) -> eventual<detail::answer_t<detail::bound_call_of<F>>> {
  return do_submit({}, where, std::forward<F>(f));
}

template <class F>
auto bridge::call(F&& f, place where) -> detail::answer_t<detail::bound_call_of<F>> {
  return do_call({}, where, std::forward<F>(f));
}

template <class Rep, class Period, class F>
auto bridge::call_for(std::chrono::duration<Rep, Period> timeout, F&& f, place where)
    -> detail::answer_t<detail::bound_call_of<F>> {
  return do_call_until(detail::entry::within(detail::in_nanoseconds(timeout)), where,
                       std::forward<F>(f));
}

template <class F, class Value>
status bridge::post_reentrant(F f, Value value, place where) noexcept {
  if (!core_) return status::stopped;
  return detail::post_closure(*core_, where, detail::reentrant_closure<F, Value>{f, value});
}
template <class F>
status bridge::post_reentrant(F f, place where) noexcept {
  if (!core_) return status::stopped;
  return detail::post_closure(*core_, where, detail::reentrant_closure<F>{f});
}

}  // namespace loopbridge
