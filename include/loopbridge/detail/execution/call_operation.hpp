#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/bound_call.hpp"
#include "loopbridge/detail/execution/vocabulary.hpp"
#include "loopbridge/detail/loop/running_callable.hpp"
#include "loopbridge/detail/loop/submit.hpp"

namespace loopbridge::detail {

/// The operation state of schedule(), and of call_sender() where the function gives a plain result:
/// an operation with the function and the receiver in it. No allocation, and no completion word:
/// the loop alone ends it, so nobody need be told who is first.
template <class Receiver, class Bound>
class call_operation final : public operation {
  using answer = typename Bound::result_type;
  static_assert(!is_later<answer>);

 public:
  using operation_state_concept = ex::operation_state_tag;

  template <class F>
  call_operation(loop_core& core, std::source_location where, F&& f, Receiver&& to)
      : core_(core), where_(where), to_(std::move(to)) {
    callable_.emplace(std::forward<F>(f));
  }

  void start() & noexcept {
    // Once the loop has it, it may go on and be gone, and with it the last hold of a bridge that
    // has ended.
    const core_ptr core(*core_);
    std::exception_ptr error;
    try {
      const status s = enter(*core, *this, {}, where_);
      if (s == status::accepted) return;
      if (s == status::bridge_stopped) return void(refuse(*core));
      throw_error(s, where_);
    } catch (...) {
      error = std::current_exception();
    }
    callable_.reset();
    complete_failed(to_, std::move(error));
  }

  call_base* run(loop_core& core) noexcept override {
    if (ex::get_stop_token(ex::get_env(to_)).stop_requested()) return refuse(core);
    const std::source_location where = where_;
    const running_callable watched(core, where);  // the receiver, too, is the program's code
    outcome<answer> ended;
    ended.capture([&]() -> answer { return (*callable_)(core.loop()); });
    callable_.reset();
    complete(to_, ended, where);
    return nullptr;
  }
  call_base* refuse(loop_core&) noexcept override {
    callable_.reset();
    ex::set_stopped(std::move(to_));
    return nullptr;
  }

 private:
  const core_ptr core_;
  const std::source_location where_;
  std::optional<Bound> callable_;
  Receiver to_;
};

}  // namespace loopbridge::detail
