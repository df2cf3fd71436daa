#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/completion_callback.hpp"
#include "loopbridge/detail/execution/vocabulary.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"
#include "loopbridge/detail/loop/submit.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge::detail {

/// What the operation states below have in common. It keeps the eventual, by which a stop request
/// cancels the call; and it is the call's completion callback, so that it hears of every end.
///
/// The end goes to the receiver by way of the loop's list: it may come inside resolve() or
/// cancel(), where the program may hold a lock.
template <class Receiver, class T>
class answer_operation : public completion_callback, public internal_operation {
 public:
  using operation_state_concept = ex::operation_state_tag;

  void notify() noexcept final {
    if (submit_holder(eventual_access::state(answer_).core(), *this) != status::accepted)
      arrive();  // stopped: here, then
  }

 protected:
  answer_operation(eventual<T>&& answer, Receiver&& to)
      : to_(std::move(to)), answer_(std::move(answer)) {}
  ~answer_operation() = default;

  void await() noexcept {
    result<T>& call = eventual_access::state(answer_);
    if (!call.is_ready() && !call.core().is_this_process()) {
      return complete_failed(to_, make_error(status::wrong_process, call.where()));
    }
    on_stop_.emplace(ex::get_stop_token(ex::get_env(to_)), cancel_call{call});
    call.on_completion(*this);  // this may be gone by now
  }

  Receiver to_;
  eventual<T> answer_;

 private:
  struct cancel_call {
    call_base& call;
    void operator()() const noexcept { (void)call.cancel(); }
  };
  using stop_callback = ex::stop_callback_for_t<stop_token_of<Receiver>, cancel_call>;

  void go(loop_core& core) noexcept final {
    on_stop_.reset();  // waits for a stop that is cancelling just now: it uses the call
    const result<T>& call = eventual_access::state(answer_);
    // The cancel hook is behind this in the list, and is to be done when the receiver hears.
    if (call.was_stopped() && !std::exchange(hook_is_done_, true) &&
        core.submit(*this) == status::accepted) {
      return;
    }
    const running_callable watched(core, call.where());
    arrive();
  }
  void end(loop_core&) noexcept final { arrive(); }

  void arrive() noexcept {
    on_stop_.reset();
    outcome<T> ended;
    std::source_location where;
    bool stopped = false;
    {
      const eventual<T> answer = std::move(answer_);
      result<T>& call = eventual_access::state(answer);
      where = call.where();
      stopped = call.was_stopped();  // without the exception that take() would make
      if (stopped) {
        call.mark_read();
      } else {
        ended.capture([&]() -> T { return call.take(); });
      }
    }
    stopped ? ex::set_stopped(std::move(to_)) : complete(to_, ended, where);
  }

  std::optional<stop_callback> on_stop_;
  bool hook_is_done_ = false;  ///< or there was none
};

/// The operation state of as_sender().
template <class Receiver, class T>
class eventual_operation final : public answer_operation<Receiver, T> {
 public:
  eventual_operation(eventual<T>&& answer, Receiver&& to)
      : answer_operation<Receiver, T>(std::move(answer), std::move(to)) {}

  void start() & noexcept { this->await(); }
};

/// The operation state of call_sender() where the function's result comes later, and of timed
/// scheduling: start() submits the call, and then it is an eventual's.
template <class Receiver, class F, class T>
class later_operation final : public answer_operation<Receiver, T> {
 public:
  later_operation(loop_core& core, std::source_location where, F&& f, Receiver&& to)
      : answer_operation<Receiver, T>({}, std::move(to)),
        core_(core),
        where_(where),
        f_(std::move(f)) {}

  void start() & noexcept {
    try {
      if constexpr (requires { f_.starts(); }) f_.starts();
      this->answer_ = submit_to(*core_, {}, where_, std::move(f_));
    } catch (...) {
      return complete_failed(this->to_, std::current_exception());
    }
    this->await();
  }

 private:
  const core_ptr core_;
  const std::source_location where_;
  F f_;
};

}  // namespace loopbridge::detail
