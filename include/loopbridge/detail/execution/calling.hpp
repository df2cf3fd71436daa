#pragma once

#include <chrono>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/detail/execution/call_operation.hpp"
#include "loopbridge/detail/execution/eventual_operation.hpp"
#include "loopbridge/detail/execution/vocabulary.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/uv/timer_wait.hpp"
#include "loopbridge/results/eventual.hpp"

/// What the functions of call senders are made into: a plain one, or a task.
namespace loopbridge::detail {

/// Of schedule().
struct nothing {
  void operator()() const noexcept {}
};

/// Of timed scheduling.
class timed_wait {
 public:
  explicit timed_wait(deadline due) noexcept : due_(due) {}
  explicit timed_wait(std::chrono::nanoseconds span) noexcept : span_(span) {}

  void starts() noexcept {
    if (span_) due_ = deadline_after(*span_);
  }
  task<> operator()() const { co_await timer_wait(time_until(due_)); }

 private:
  deadline due_{};
  std::optional<std::chrono::nanoseconds> span_;
};

/// How a call of an `F` is made: its answer, and the operation state with a receiver.
template <class F, class Bound = bound_call_of<F>,
          class Returned = std::remove_cv_t<typename Bound::result_type>>
struct calling {
  using answer = typename answer_of<Returned>::type;

  template <class G, class Receiver>
  static auto connect(loop_core& core, std::source_location where, G&& f, Receiver&& to) {
    if constexpr (!is_later<Returned>) {
      return call_operation<Receiver, Bound>(core, where, std::forward<G>(f), std::move(to));
    } else {
      return later_operation<Receiver, F, answer>(core, where, F(std::forward<G>(f)),
                                                  std::move(to));
    }
  }
};

}  // namespace loopbridge::detail
