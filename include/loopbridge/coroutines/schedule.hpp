#pragma once

#include <coroutine>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/results/executor_ref.hpp"

// For coroutines of other libraries, which are not tasks: onto a loop, and back from a call.
//
//   co_await schedule(bridge);                        // from here on the loop's thread
//   int n = co_await other.submit(count_lines);       // comes back to that loop
//   int m = co_await loopbridge::resume_on(pool, other.submit(count_words));
namespace loopbridge {
namespace detail {

/// The call of `co_await schedule()`, in the coroutine's frame.
class schedule_awaiter final : public operation {
 public:
  schedule_awaiter(loop_core& core, std::source_location where) noexcept
      : core_(core), where_(where) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    coroutine_ = h;
    const std::source_location where = where_;
    const status s = enter(core_, *this, {}, where);  // it may go on, and be gone, by now
    throw_unless_ok(s, where);
  }
  void await_resume() const {
    if (refused_) std::rethrow_exception(make_error(status::bridge_stopped, where_));
  }

  call_base* run(loop_core& core) noexcept override { return resume(core); }
  call_base* refuse(loop_core& core) noexcept override {
    refused_ = true;
    return resume(core);
  }

 private:
  call_base* resume(loop_core& core) noexcept {
    const std::source_location where = where_;
    try {
      const running_callable watched(core, where);
      coroutine_.resume();
    } catch (...) {  // its promise lets exceptions through
      core.unhandled(std::current_exception(), where);
    }
    return nullptr;
  }

  loop_core& core_;
  const std::source_location where_;
  std::coroutine_handle<> coroutine_;
  bool refused_ = false;
};

/// The coroutine goes on on the loop that it was on.
class same_loop {
 public:
  bool submit(operation& n) const noexcept {
    return core_ && submit_holder(*core_, n) == status::accepted;
  }

 private:
  core_ptr core_ = core_of_this_thread();
};

/// co_await of an eventual in a coroutine that is not a task. `Held` is an eventual<T>, or a const
/// eventual<T>&.
template <class Held, class Where>
class foreign_awaiter final : public completion_callback, public internal_operation {
 public:
  explicit foreign_awaiter(Held&& e, Where where = {})
      : answer_(std::forward<Held>(e)), where_(std::move(where)) {}

  /// A coroutine that names an executor goes there in any case.
  bool await_ready() const { return std::is_same_v<Where, same_loop> && answer_.ready(); }
  void await_suspend(std::coroutine_handle<> h) {
    coroutine_ = h;
    eventual_access::state(answer_).on_completion(*this);  // this may be gone by now
  }
  decltype(auto) await_resume() { return std::forward<Held>(answer_).get(); }

  void notify() noexcept override {
    // This may be gone as soon as one of them has it.
    if (where_.submit(*this)) return;
    if (submit_holder(eventual_access::state(answer_).core(), *this) == status::accepted) return;
    go_on();
  }
  void go_on() noexcept {
    const call_base& call = eventual_access::state(answer_);
    const core_ptr core(call.core());  // this is gone when the coroutine has gone on
    const std::source_location where = call.where();
    try {
      coroutine_.resume();
    } catch (...) {  // its promise lets exceptions through
      core->unhandled(std::current_exception(), where);
    }
  }

 private:
  void go(loop_core&) noexcept override { go_on(); }
  void end(loop_core&) noexcept override { go_on(); }

  Held answer_;
  Where where_;
  std::coroutine_handle<> coroutine_;
};

}  // namespace detail

/// `co_await` of an eventual in a coroutine that is not a task: gives the value, or throws the
/// failure, as eventual::get() does. An eventual that is awaited as an rvalue is taken over by the
/// coroutine.
///
/// Thread   any thread. The coroutine goes on on the loop on whose own thread it was. It goes on on
///          the loop of the call if it was on no bridge's thread, if that bridge has stopped, or if
///          that loop was adopted (see resume_on). If that loop has stopped too, it goes on on the
///          thread that ends the call.
/// Throws   what the call failed with; `no_state` for an empty eventual. What the coroutine lets
///          through after it goes on is reported, with the place of the call.
///
/// The frame must not be destroyed while it waits.
template <class T>
auto operator co_await(eventual<T>&& e) {
  return detail::foreign_awaiter<eventual<T>, detail::same_loop>(std::move(e));
}
template <class T>
auto operator co_await(const eventual<T>& e) {
  return detail::foreign_awaiter<const eventual<T>&, detail::same_loop>(e);
}

/// `co_await resume_on(executor, eventual)`: the same, but the coroutine goes on on `executor`: a
/// bridge, or anything else that has post(callable).
///
/// Thread   any thread. If the executor's post() throws, the coroutine goes on on the loop of the
///          call.
/// After the end   A bridge takes the coroutine whatever its capacity. If the bridge stops
///          meanwhile, the coroutine goes on while the bridge ends. Any other executor must outlive
///          the wait, and must run what it has taken.
template <class Executor, class T>
auto resume_on(Executor& executor, eventual<T>&& e) {
  using where = detail::executor_ref<Executor>;
  return detail::foreign_awaiter<eventual<T>, where>(std::move(e), where(executor));
}
template <class Executor, class T>
auto resume_on(Executor& executor, const eventual<T>& e) {
  using where = detail::executor_ref<Executor>;
  return detail::foreign_awaiter<const eventual<T>&, where>(e, where(executor));
}

/// `co_await schedule(b)`: the coroutine goes on on the loop thread of `b`. For coroutines of any
/// kind but a task. Allocates nothing: the call is in the coroutine's frame.
///
/// Thread   any ordinary thread
/// Blocks   with a capacity, while the bridge is full: see options::patience
/// Throws   at the co_await: `bridge_stopped`, `bridge_full`, `would_deadlock`, `wrong_process`
/// Order    the order of submission, among all calls
/// After the end   `bridge_stopped`. A coroutine that was accepted and then refused gets that on
///          the thread that ends the bridge.
inline detail::schedule_awaiter schedule(
    bridge& b, std::source_location where = std::source_location::current()) {
  return detail::schedule_awaiter(detail::bridge_access::core(b), where);
}

}  // namespace loopbridge
