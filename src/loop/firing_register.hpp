#pragma once

#include <mutex>

#include "loopbridge/detail/handlers/reentrant_state.hpp"

namespace loopbridge::detail {

/// All reentrant_calls of one bridge, so that its end finds the firings that were accepted and will
/// not run. Any ordinary thread of the process whose bridge it is.
class firing_register {
 public:
  void add(reentrant_state& s) noexcept;
  void remove(reentrant_state& s) noexcept;
  /// At the end, when nothing of theirs is in the inbox: refuses all later firings, and reports to
  /// `core` those that were left. By the holder of the drain lock.
  void end_all(loop_core& core) noexcept;

 private:
  std::mutex mutex_;  ///< guards `first_`, and the links
  reentrant_state* first_ = nullptr;
};

}  // namespace loopbridge::detail
