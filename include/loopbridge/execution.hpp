#pragma once

#include <chrono>
#include <concepts>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/execution/calling.hpp"
#include "loopbridge/detail/execution/noting_sender.hpp"
#include "loopbridge/detail/execution/vocabulary.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/results/eventual.hpp"

// A bridge for senders and receivers: std::execution of C++26, or stdexec.
//
//   auto loop = loopbridge::get_scheduler(bridge);
//   auto work = stdexec::schedule(loop) | stdexec::then([] { return 6; });     // on the loop
//   auto soon = loop.schedule_after(10ms);
//   auto answer = loopbridge::as_sender(bridge.submit(f));
//   auto lazy = loopbridge::call_sender(bridge, [](loopbridge::loop_ref loop) { return g(loop); });
//
// The names are those of <execution> if the standard library has senders (C++26), else those of
// <stdexec/execution.hpp> if it is found. A program that means another library includes that first,
// and defines LOOPBRIDGE_EXECUTION_NAMESPACE as its namespace: the same for the whole program.
namespace loopbridge {
namespace detail {
template <class F>
class call_sender;
template <class T>
class eventual_sender;
}  // namespace detail

class execution_domain;

/// A bridge's loop, as a scheduler. Copyable; equal to those of the same bridge. Its senders, and
/// those below, complete so:
///
///   set_value          on the loop's thread, in the order of submission
///   set_stopped        the bridge has stopped or the call was cancelled: `bridge_stopped` and
///                      `cancelled` are no errors here. Also where stop was requested.
///   set_error          with a std::exception_ptr: what the call threw; `bridge_full`,
///                      `would_deadlock`, `wrong_process`
///
/// Thread   any ordinary thread, the loop's too, may connect and start. A refused call completes
///          inside start(), on the calling thread. Call, receiver and what hangs on it run on the
///          loop, once each; a receiver hears of no end inside resolve(), cancel() or a request to
///          stop.
/// Blocks   start(): with a capacity only, for room, as post(): see options::patience.
/// Throws   start() nothing; connecting what moving the function throws.
/// After the end   it may outlive the bridge: start() completes with set_stopped at once. What was
///          accepted, and is refused as the bridge stops, completes with set_stopped on the thread
///          that ends the bridge.
///
/// A request to stop, by the receiver's stop token, may come from any thread. A call that is queued
/// then does not run.
class scheduler {
 public:
  using scheduler_concept = detail::ex::scheduler_tag;

  // Not moved: one that was moved from would be empty.
  scheduler(const scheduler& other) noexcept : core_(*other.core_), where_(other.where_) {}
  scheduler& operator=(const scheduler& other) noexcept {
    core_ = detail::core_ptr(*other.core_);
    where_ = other.where_;
    return *this;
  }

  /// A sender that completes on the loop. Its operation state is the call itself: no allocation.
  /// One that is stopped completes with set_stopped when the loop reaches it.
  auto schedule() const noexcept -> detail::call_sender<detail::nothing>;

  /// The same, after a time from start(), or at a time, by a timer on the loop. Times are those of
  /// submit_after() (timers.hpp): in whole milliseconds, rounded up. A stop request ends the wait
  /// at once, also one from another thread, and the receiver hears of it on the loop. Takes blocks
  /// of memory, recycled.
  template <class Rep, class Period>
  auto schedule_after(std::chrono::duration<Rep, Period> time) const noexcept
      -> detail::call_sender<detail::timed_wait>;
  auto schedule_at(std::chrono::steady_clock::time_point due) const noexcept
      -> detail::call_sender<detail::timed_wait>;
  std::chrono::steady_clock::time_point now() const noexcept {
    return std::chrono::steady_clock::now();
  }
  void schedule_after(detail::no_duration) const noexcept {}  // wrong, and says so

  // Where it completes, also as a sender's environment.
  scheduler query(detail::ex::get_completion_scheduler_t<detail::ex::set_value_t>) const noexcept {
    return *this;
  }
  execution_domain query(
      detail::ex::get_completion_domain_t<detail::ex::set_value_t>) const noexcept;

  friend bool operator==(const scheduler& a, const scheduler& b) noexcept {
    return a.core_.get() == b.core_.get();
  }

 private:
  friend class execution_domain;
  template <class F>
  friend class detail::call_sender;
  template <class T>
  friend class detail::eventual_sender;
  friend scheduler get_scheduler(const bridge& b, std::source_location where);

  scheduler(detail::loop_core& core, std::source_location where) noexcept
      : core_(core), where_(where) {}

  detail::core_ptr core_;  ///< never null
  std::source_location where_;
};

/// The scheduler of a bridge. Errors name the place of this call.
///
/// Thread   any ordinary thread.
/// Throws   `no_state` if the bridge was moved from.
inline scheduler get_scheduler(const bridge& b,
                               std::source_location where = std::source_location::current()) {
  return scheduler(detail::bridge_access::core(b), where);
}

/// The domain of senders that complete on a bridge: a sync_wait() of one is a wait for that bridge,
/// and refused where it could never end.
///
/// Throws   (sync_wait) `would_deadlock` on the bridge's own loop thread, and where loops would
/// wait
///          for each other in a cycle; `wrong_process`. A sender that does not name its bridge, as
///          that of when_all() does not, is waited for as on any thread.
class execution_domain : public detail::ex::default_domain {
 public:
  template <class Sender>
  auto apply_sender(detail::ex::sync_wait_t wait, Sender&& s) const {
    namespace ex = detail::ex;
    constexpr ex::get_completion_scheduler_t<ex::set_value_t> completes_on{};
    if constexpr (requires {
                    { completes_on(ex::get_env(s)) } -> std::same_as<scheduler>;
                  }) {
      using noting = detail::noting_sender<std::remove_cvref_t<Sender>>;
      const scheduler on = completes_on(ex::get_env(s));
      detail::completion ended;
      const detail::blocking_wait waiting(*on.core_, on.where_, detail::blocking_wait::how::timed,
                                          &ended);
      return ex::default_domain().apply_sender(wait, noting(ended, std::forward<Sender>(s)));
    } else {
      return ex::default_domain().apply_sender(wait, std::forward<Sender>(s));
    }
  }
};

inline execution_domain scheduler::query(
    detail::ex::get_completion_domain_t<detail::ex::set_value_t>) const noexcept {
  return {};
}

namespace detail {

/// Of schedule(), timed scheduling and loopbridge::call_sender().
template <class F>
class call_sender {
  using answer = typename calling<F>::answer;

 public:
  using sender_concept = ex::sender_tag;

  template <class G>
  call_sender(const scheduler& on, G&& f) : on_(on), f_(std::forward<G>(f)) {}

  template <class Self, class... Env>
  static consteval auto get_completion_signatures() noexcept {
    return typename completions_of<answer>::type();
  }
  template <class Receiver>
  auto connect(Receiver to) && {
    return calling<F>::connect(*on_.core_, on_.where_, std::move(f_), std::move(to));
  }
  template <class Receiver>
    requires std::is_copy_constructible_v<F>
  auto connect(Receiver to) const& {
    return calling<F>::connect(*on_.core_, on_.where_, f_, std::move(to));
  }
  scheduler get_env() const noexcept { return on_; }

 private:
  scheduler on_;
  F f_;
};

/// Of as_sender().
template <class T>
class eventual_sender {
 public:
  using sender_concept = ex::sender_tag;

  explicit eventual_sender(eventual<T>&& answer)
      : on_(eventual_access::state(answer).core(), eventual_access::state(answer).where()),
        answer_(std::move(answer)) {}

  template <class Self, class... Env>
  static consteval auto get_completion_signatures() noexcept {
    return typename completions_of<T>::type();
  }
  template <class Receiver>
  auto connect(Receiver to) && {
    return eventual_operation<Receiver, T>(std::move(answer_), std::move(to));
  }
  scheduler get_env() const noexcept { return on_; }

 private:
  scheduler on_;
  eventual<T> answer_;
};

}  // namespace detail

inline auto scheduler::schedule() const noexcept -> detail::call_sender<detail::nothing> {
  return {*this, detail::nothing()};
}
template <class Rep, class Period>
auto scheduler::schedule_after(std::chrono::duration<Rep, Period> time) const noexcept
    -> detail::call_sender<detail::timed_wait> {
  return {*this, detail::timed_wait(detail::in_nanoseconds(time))};
}
inline auto scheduler::schedule_at(std::chrono::steady_clock::time_point due) const noexcept
    -> detail::call_sender<detail::timed_wait> {
  return {*this, detail::timed_wait(due)};
}

/// A sender that completes as the call ends that `answer` stands for, on the call's own loop; with
/// a T, or a T& if that is what the call returns. It is for one connect, as an rvalue. Dropped
/// before start(), it drops the eventual, which cancels nothing.
///
/// A stop request cancels the call (see eventual::cancel()), and this hears of that end too. A
/// deferred's cancel hook has run by then. A task that catches `cancelled`, or waits until libuv
/// lets go of a request, may go on: let it own what it uses.
///
/// Thread   any ordinary thread.
/// Throws   `no_state` if `answer` is empty.
/// After the end   what the call ended with comes on the thread that ended it, or inside start().
template <class T>
auto as_sender(eventual<T>&& answer) -> detail::eventual_sender<T> {
  return detail::eventual_sender<T>(std::move(answer));
}

/// A sender that runs `f` on the loop of `b` when it is started, and completes with what `f` gives.
/// `f` is as in bridge::submit(), and destroyed before the receiver hears of the end. If it returns
/// a deferred, a task or an eventual, that is awaited, and a stop request cancels it. A plain
/// result takes no allocation. If `f` may be copied, the sender may be connected more than once.
///
/// Thread   any ordinary thread.
/// Throws   `no_state` if the bridge was moved from; what moving `f` throws.
template <class F>
auto call_sender(const bridge& b, F&& f,
                 std::source_location where = std::source_location::current())
    -> detail::call_sender<std::decay_t<F>> {
  return {get_scheduler(b, where), std::forward<F>(f)};
}

// Wrong uses, with an error that names the fix.
template <class T>
void as_sender(const eventual<T>&) {
  detail::must_be_moved<T>();
}

}  // namespace loopbridge
