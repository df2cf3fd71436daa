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

/// An operation of the library's own, which stats() does not count.
///
/// Its functions, and those of the derived classes, are not inline. For what they do may release a
/// waiter, which may unload the library that the operation was made in.
class internal_operation : public operation {
 public:
  call_base* run(loop_core& core) noexcept final;
  call_base* refuse(loop_core& core) noexcept final;

 protected:
  internal_operation() = default;
  ~internal_operation() = default;

  /// The loop has reached it.
  virtual void go(loop_core& core) noexcept = 0;
  /// The bridge ended first.
  virtual void end(loop_core& core) noexcept = 0;
};

}  // namespace loopbridge::detail
