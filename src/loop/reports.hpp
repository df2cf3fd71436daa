#pragma once

#include <uv.h>

#include <exception>
#include <source_location>

#include "loopbridge/options.hpp"

namespace loopbridge::detail {

/// What a bridge reports to the program and no caller waits for: to the hooks of its options, or,
/// where there is none, to stderr. Any ordinary thread.
class reports {
 public:
  explicit reports(const options& opts) noexcept : opts_(opts) {}

  /// A failure that nobody received, of a call from `where`.
  void unhandled(std::exception_ptr error, std::source_location where) const noexcept;
  /// Closes a loop at its end: first the handles of the program's that are open, each reported.
  void close(uv_loop_t* loop) const noexcept;

 private:
  void still_open(uv_handle_t* handle) const noexcept;

  const options& opts_;
};

}  // namespace loopbridge::detail
