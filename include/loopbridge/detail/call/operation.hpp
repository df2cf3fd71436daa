#pragma once

namespace loopbridge::detail {

class loop_core;
class call_base;

/// One entry of the submission list: a call, wherever it lives (a stack, a block, a slot).
///
/// An accepted operation gets exactly one of run() and refuse(), after which the core never touches
/// it again: that may free it or hand it back to its owner. So `next` is read before.
///
/// What the two return is a call that has come to its end, or null: the caller publishes its
/// answer, by call_base::finish(), when the function has returned. For as soon as the waiter has
/// the answer it may unload the library that this function was instantiated in.
class operation {
 public:
  operation* next = nullptr;  ///< owned by the list it is in

  /// Loop thread.
  [[nodiscard]] virtual call_base* run(loop_core& core) noexcept = 0;
  /// By the thread that ends the bridge: mostly the loop's.
  [[nodiscard]] virtual call_base* refuse(loop_core& core) noexcept = 0;

 protected:
  operation() = default;
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;
  ~operation() = default;
};

}  // namespace loopbridge::detail
