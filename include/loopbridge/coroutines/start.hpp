#pragma once

#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/results/to_eventual.hpp"

namespace loopbridge {

/// What start() gives.
template <class V, class T>
struct [[nodiscard("the task fails unheard: keep `ended`")]] starting {
  eventual<V> started;  ///< what the task has reported
  eventual<T> ended;    ///< what the task ends with; cancelling it cancels the task
};

namespace detail {

/// The callable of start(). It lasts as long as the task, and so does the completer.
template <class V, class F>
struct call_that_reports {
  F f;
  completer<V> started;

  using returned = decltype(invoke_with_loop(std::declval<F>(), std::declval<loop_ref>(),
                                             std::declval<completer<V>&>()));
  static_assert(answer_of<returned>::is_task,
                "start() takes a function that returns a task: for others submit() says as much");
  using type = typename answer_of<returned>::type;

  task<type> operator()(loop_ref loop) {
    try {
      if constexpr (std::is_void_v<type>) {
        co_await invoke_with_loop(std::move(f), loop, started);
        must_have_reported();
      } else {
        type result = co_await invoke_with_loop(std::move(f), loop, started);
        must_have_reported();
        co_return std::forward<type>(result);
      }
    } catch (...) {
      if (started) started.reject(std::current_exception());
      throw;
    }
  }

 private:
  void must_have_reported() {
    if (!started) return;  // released: others report
    started.reject(
        broken("loopbridge: this task has ended without having reported that it has "
               "started; call resolve() of the completer that it is given"));
  }
};

}  // namespace detail

/// Submits a task that reports when it has started, as Trio's nursery.start(): a server once its
/// port is bound, say. The function is called with a `completer<V>&`, and resolves that; the task
/// goes on meanwhile.
///
///   auto server = loopbridge::start<int>(bridge, [](loopbridge::completer<int>& started)
///                                                    -> loopbridge::task<> {
///     listener l(8080);
///     started.resolve(l.port());   // whoever waits for `started` goes on
///     co_await l.serve();
///   });
///   int port = server.started.get_for(5s);
///
/// A task that ends first ends `started` too: with what it failed with, or as `broken` if it has
/// not failed. `ended` says it as well; read it, or the failure goes to
/// options::on_unhandled_error. To give up waiting for `started` leaves the task as it is; to
/// cancel `ended` cancels it.
///
/// Thread   any ordinary thread, the loop's too; the function runs and is destroyed on the loop.
/// Blocks   with a capacity only, for room: see options::patience.
/// Throws   `bridge_stopped`, `wrong_process`, std::bad_alloc, what moving `f` throws; with a
///          capacity, `bridge_full` and `would_deadlock`. If it is the second of its two calls that
///          is refused so, the task is cancelled.
template <class V = void, class F>
auto start(bridge& b, F&& f, std::source_location where = std::source_location::current())
    -> starting<V, typename detail::call_that_reports<V, std::decay_t<F>>::type> {
  completer<V> started;
  auto reported = started.get_deferred();
  auto ended = b.submit(
      detail::call_that_reports<V, std::decay_t<F>>{std::forward<F>(f), std::move(started)}, where);
  try {
    return {to_eventual(b, std::move(reported), where), std::move(ended)};
  } catch (...) {
    ended.cancel();
    throw;
  }
}

}  // namespace loopbridge
