#pragma once

#include <cstdlib>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "harness/futex.hpp"

namespace bench {

/// call() for event loops that have only a way to post: the closure is two pointers, the answer
/// lies on the caller's stack, and the caller sleeps on a futex. It is the best that can be done
/// with them, and better than the std::promise that most programs would use.
template <class Self>
class replying {
 public:
  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    using result = std::invoke_result_t<F&>;
    using stored = std::conditional_t<std::is_void_v<result>, char, result>;
    struct {
      std::optional<stored> value;
      std::exception_ptr error;
      one_event done;
    } answer;
    static_cast<Self*>(this)->post([&f, &answer]() noexcept {
      try {
        if constexpr (std::is_void_v<result>) {
          f();
        } else {
          answer.value.emplace(f());
        }
      } catch (...) {
        answer.error = std::current_exception();
      }
      answer.done.set();
    });
    answer.done.wait();
    if (answer.error) std::rethrow_exception(answer.error);
    if constexpr (!std::is_void_v<result>) return *std::move(answer.value);
  }
};

/// For calls that only fail when the machine is out of everything.
inline void abort_unless(bool good) {
  if (!good) std::abort();
}

}  // namespace bench
