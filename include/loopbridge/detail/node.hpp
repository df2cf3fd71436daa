#pragma once

namespace loopbridge::detail {

class core_base;

/// One entry of the submission list: a call, wherever it lives (a stack, a block, a slot).
///
/// An accepted node gets exactly one of run() and refuse(), after which the core never touches it
/// again: either may free it or hand it back to its owner. So `next` is read before.
class node {
 public:
  node* next = nullptr;  ///< owned by the list it is in

  virtual void run(core_base& core) noexcept = 0;     ///< loop thread
  virtual void refuse(core_base& core) noexcept = 0;  ///< who ends the bridge: mostly the loop

 protected:
  node() = default;
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node() = default;
};

}  // namespace loopbridge::detail
