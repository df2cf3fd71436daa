#pragma once

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// bridge::with(): the calls of a bridge that count towards its capacity, with a policy of their
/// own for when it is full. All else is as their namesakes in bridge say, the places they may be
/// called from too. To be used on the spot: it refers to the bridge.
class [[nodiscard("it is the calls made through it that have the policy")]] with_policy {
 public:
  template <class F>
  void post(F && f, place where = place::current()) {
    bridge_.do_post({policy_}, where, std::forward<F>(f));
  }

  template <class F>
  status try_post(F && f, place where = place::current()) noexcept {
    return bridge_.do_try_post(detail::entry::without_waiting(policy_), where, std::forward<F>(f));
  }
  template <class F>
  auto try_submit(F && f, place where = place::current()) noexcept {
    return bridge_.do_try_submit(detail::entry::without_waiting(policy_), where,
                                 std::forward<F>(f));
  }

  template <class F>
  auto submit(F && f, place where = place::current()) {
    return bridge_.do_submit({policy_}, where, std::forward<F>(f));
  }

  template <class F>
  auto call(F && f, place where = place::current())->detail::answer_t<detail::bound_call_of<F>> {
    return bridge_.do_call({policy_}, where, std::forward<F>(f));
  }

  template <class Rep, class Period, class F>
  auto call_for(std::chrono::duration<Rep, Period> timeout, F && f, place where = place::current())
      ->detail::answer_t<detail::bound_call_of<F>> {
    return bridge_.do_call_until(detail::entry::within(detail::in_nanoseconds(timeout), policy_),
                                 where, std::forward<F>(f));
  }

 private:
  friend class bridge;
  with_policy(bridge & b, when_full policy) noexcept : bridge_(b), policy_(policy) {}

  bridge& bridge_;
  const when_full policy_;
};

inline with_policy bridge::with(when_full policy) noexcept {
  return with_policy(*this, policy);
}

}  // namespace loopbridge
