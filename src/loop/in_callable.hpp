#pragma once

#include <utility>

#include "loopbridge/detail/loop/loop_core.hpp"

namespace loopbridge::detail {

/// Stands while the calling thread runs callables or tasks of a bridge, and says which bridge. They
/// nest, where a callable runs another loop.
class in_callable {
 public:
  explicit in_callable(loop_core& of) noexcept : outer_(std::exchange(innermost_, &of)) {}
  ~in_callable() { innermost_ = outer_; }
  in_callable(const in_callable&) = delete;
  in_callable& operator=(const in_callable&) = delete;

  /// Empty: it is in none, nor on a bridge's own thread.
  static core_ptr core_of_caller() noexcept {
    return innermost_ != nullptr ? core_ptr(*innermost_) : core_of_this_thread();
  }

 private:
  static constinit inline thread_local loop_core* innermost_ = nullptr;
  loop_core* const outer_;
};

}  // namespace loopbridge::detail
