#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/call/outcome.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/coroutines/call_awaiter.hpp"
#include "loopbridge/detail/coroutines/started_task.hpp"
#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge {

template <class T = void>
class task;
template <class T>
class shield;

namespace detail {

/// What a task's promise lets a task await.
class awaiting_promise : public task_promise_base {
 public:
  using task_promise_base::task_promise_base;

  template <class T>
  auto await_transform(task<T>&& t) noexcept {
    struct awaiter {
      task<T> awaited;
      task_promise_base& awaiting;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) {
        auto& promise = awaited.promise();
        promise.awaited_by(awaiting, awaited);
        awaiting.scope().next_is(&promise);
      }
      T await_resume() const { return awaited.promise().result().take(awaiting.scope().where()); }
    };
    return awaiter{std::move(t), *this};
  }
  template <class T>
  auto await_transform(eventual<T>&& e) {
    return eventual_awaiter<eventual<T>>(*scope_, std::move(e));
  }
  template <class T>
  auto await_transform(const eventual<T>& e) {
    return eventual_awaiter<const eventual<T>&>(*scope_, e);
  }
  template <class T>
  auto await_transform(eventual<T>& e) {
    return await_transform(std::as_const(e));
  }
  template <class T>
  auto await_transform(deferred<T>&& d) {
    return await_transform(answer_of_deferred(*scope_, std::move(d)));
  }
  template <std::derived_from<task_awaiter> Awaiter>
  auto await_transform(Awaiter&& awaiter) noexcept {
    // Not the awaiter itself, which does not move: the reference lasts as long as the co_await.
    struct reference {
      std::remove_reference_t<Awaiter>& to;
      bool await_ready() { return to.await_ready(); }
      decltype(auto) await_suspend(std::coroutine_handle<> task) { return to.await_suspend(task); }
      decltype(auto) await_resume() { return to.await_resume(); }
    };
    awaiter.enter(*scope_);
    return reference{awaiter};
  }
  /// Anything else is wrong, and the compiler's message says what to do.
  template <class Any>
  std::suspend_never await_transform(Any&&) {
    if constexpr (is_later<std::remove_reference_t<Any>>) {
      static_assert(never<Any>, "co_await takes a task, or a deferred, for good: std::move it");
    } else if constexpr (requires(Any any) {
                           any.get();
                           any.valid();
                         }) {
      static_assert(never<Any>,
                    "a std::future tells nobody when it is ready: wait for it on another thread, "
                    "as in co_await queue_work([&] { return f.get(); })");
    } else {
      static_assert(never<Any>,
                    "a task can await tasks, eventuals, deferreds and what is in loopbridge/uv/: "
                    "wrap this in a call that returns one of them");
    }
    return {};
  }
};

/// A task's outcome, and the function that stores it: for void that has another name.
template <class T>
class task_outcome {
 public:
  template <std::convertible_to<T> U>
  void return_value(U&& value) noexcept {
    outcome_.capture([&]() -> T { return std::forward<U>(value); });
  }

 protected:
  outcome<T> outcome_;
};
template <>
class task_outcome<void> {
 public:
  void return_void() noexcept {
    outcome_.capture([] {});
  }

 protected:
  outcome<void> outcome_;
};

template <class T>
class task_promise final : public awaiting_promise, public task_outcome<T> {
  static_assert(alignof(outcome<T>) <= alignof(std::max_align_t),
                "a task's result is in its frame, which compilers do not align for more than "
                "std::max_align_t: return a std::unique_ptr to it");

 public:
  task_promise() noexcept
      : awaiting_promise(std::coroutine_handle<task_promise>::from_promise(*this)) {}
  task<T> get_return_object() noexcept { return task<T>(*this); }
  void unhandled_exception() noexcept { this->outcome_.set(std::current_exception()); }
  outcome<T>& result() noexcept { return this->outcome_; }

  auto final_suspend() const noexcept {
    struct awaiter {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<task_promise> h) const noexcept {
        h.promise().scope().ends(h.promise());
      }
      void await_resume() const noexcept {}
    };
    return awaiter{};
  }
};

}  // namespace detail

/// A coroutine that runs on a bridge's loop, and gives a T in the end.
///
///   loopbridge::task<int> work(loopbridge::loop_ref loop) {
///     co_await loopbridge::delay(10ms);
///     co_return 42;
///   }
///   int answer = bridge.call(work);  // or submit, call_for, wrap: it is a call like others
///
/// A task begins when it is awaited, or when the call that returned it runs. It may await other
/// tasks, `eventual`s of any bridge, `deferred`s, and the awaitables of loopbridge/uv/ (delay,
/// resolve, files, streams, queue_work). A lambda may be a coroutine: a call keeps its callable and
/// arguments until the task is done, so all of the task may use captures.
///
/// Thread   All of it runs on that loop's thread: a piece in each iteration in which something that
///          it awaits has come. While it is suspended the loop goes on, and other calls may run in
///          between. A task that has not begun may be moved to another thread.
/// Throws   making a task: std::bad_alloc. Its frame is a recycled block of the library's, not of
///          options::memory.
/// Once     A task is move-only, and is awaited once, as an rvalue. Destroying one that has not
///          begun runs none of it.
///
/// Cancellation. A call that ends early (eventual::cancel, a call_for that times out, stop()) ends
/// for its waiter at once. The task itself goes on to its end, on the loop. What it awaits is given
/// up: that co_await throws `cancelled`, and so does every later one. So destructors run, and
/// nothing leaks. What libuv is working on (a file, a name look-up, a function of queue_work) is
/// waited for first: no frame is destroyed while libuv owns its buffers. A task that catches
/// `cancelled` and goes on gets it again at its next co_await. Two kinds of failure go to
/// options::on_unhandled_error with the task's place: what a task throws when nobody waits for it
/// any more, and what a call fails with that the task has given up. `cancelled` and
/// `bridge_stopped` are not reported.
///
/// gcc 12 destroys the captures of a lambda twice if the lambda stands in a co_await expression, as
/// in `co_await b.submit([p = std::move(p)] {...})`. Give such a lambda a name first, and move it.
template <class T>
class [[nodiscard("a task runs when it is awaited, or returned from a call")]] task
    : private detail::task_holder {
 public:
  using promise_type = detail::task_promise<T>;

 private:
  friend promise_type;
  friend class detail::awaiting_promise;
  template <class, class>
  friend class detail::started_task;
  template <class>
  friend class shield;

  explicit task(promise_type& promise) noexcept : task_holder(promise) {}

  promise_type& promise() const {
    if (promise_ == nullptr) {
      detail::throw_no_state(
          "this task is empty: it was moved from; a task is awaited, or returned, once");
    }
    return static_cast<promise_type&>(*promise_);
  }
};

/// In a coroutine that is not a task. That is wrong, and the compiler's message says what to do.
template <class T>
std::suspend_never operator co_await(task<T>&&) {
  static_assert(
      detail::never<T>,
      "only a task can await a task: here, co_await bridge.submit(a function that returns "
      "the task)");
  return {};
}

/// `co_await stop_token_of_task()`, in a task: gives its std::stop_token, which is stopped when the
/// task is cancelled. For work that runs elsewhere on the task's behalf: a function of queue_work,
/// say.
/// Thread   inside a task
inline detail::scope_question<&detail::task_scope::stop_token> stop_token_of_task() noexcept {
  return {};
}

}  // namespace loopbridge
