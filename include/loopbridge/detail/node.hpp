#pragma once

namespace loopbridge::detail {

class core_base;

/// One entry of the submission list: a call, wherever it lives (a stack, a block, a slot).
///
/// An accepted node gets exactly one of run(), refuse() and drop(), after which the core never
/// touches it again: that may free it or hand it back to its owner. So `next` is read before.
class node {
 public:
  node* next = nullptr;  ///< owned by the list it is in

  virtual void run(core_base& core) noexcept = 0;     ///< loop thread
  virtual void refuse(core_base& core) noexcept = 0;  ///< who ends the bridge: mostly the loop
  /// False: an errand of the library's own, which stats() leaves out. run() then counts itself in
  /// counters::not_calls; refuse() is counted by its caller.
  virtual bool is_call() const noexcept { return true; }
  /// A call of an ordinary thread's, which counts towards options::capacity, may get drop() in
  /// their place: another one takes its room. The thread that makes that other call.
  virtual bool takes_room() const noexcept { return false; }
  virtual void drop(core_base&) noexcept {}

 protected:
  node() = default;
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node() = default;
};

}  // namespace loopbridge::detail
