#pragma once

namespace loopbridge::detail {

class core_base;
class result_base;

/// One entry of the submission list: a call, wherever it lives (a stack, a block, a slot).
///
/// An accepted node gets exactly one of run() and refuse(), after which the core never touches it
/// again: that may free it or hand it back to its owner. So `next` is read before.
///
/// What the two return is a call that has come to its end, or null: the caller publishes its
/// answer, by result_base::finish(), when the function has returned. For as soon as the waiter has
/// the answer it may unload the library that this function was instantiated in.
class node {
 public:
  node* next = nullptr;  ///< owned by the list it is in

  /// Loop thread.
  [[nodiscard]] virtual result_base* run(core_base& core) noexcept = 0;
  /// Who ends the bridge: mostly the loop.
  [[nodiscard]] virtual result_base* refuse(core_base& core) noexcept = 0;

 protected:
  node() = default;
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node() = default;
};

}  // namespace loopbridge::detail
