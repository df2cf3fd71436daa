#pragma once

namespace loopbridge {

/// Where a call was submitted: file and line of the caller, carried along so that an error that
/// surfaces later, on another thread, can still say where the work came from.
///
/// It stands in for std::source_location, which clang 14 does not have with libstdc++. A default
/// argument `place where = place::current()` is the place of the caller.
struct place {
  const char* file = nullptr;  ///< null where the place is not known
  unsigned line = 0;

  static constexpr place current(const char* file = __builtin_FILE(),
                                 unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

}  // namespace loopbridge
