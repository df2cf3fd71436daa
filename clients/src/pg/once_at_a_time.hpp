#pragma once

#include <utility>

namespace loopbridge::clients::detail {

/// For a function that what it calls may call again: the inner call leaves all to the outer one.
/// The mark goes when the outer one ends, also by an exception.
class once_at_a_time {
 public:
  explicit once_at_a_time(bool& mark) noexcept : mark_(mark), inner_(std::exchange(mark, true)) {}
  ~once_at_a_time() {
    if (!inner_) mark_ = false;
  }
  once_at_a_time(const once_at_a_time&) = delete;
  once_at_a_time& operator=(const once_at_a_time&) = delete;

  bool is_inner() const noexcept { return inner_; }

 private:
  bool& mark_;
  const bool inner_;
};

}  // namespace loopbridge::clients::detail
