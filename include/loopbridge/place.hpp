#pragma once

#include <type_traits>

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

namespace detail {
/// For overloads with arguments, so that a place passed by hand is not taken for one. Not a
/// requires-clause: compilers before CWG 2369 (clang up to 15) would look at the function's type
/// first, which is an error where a callable does not accept a place.
template <class Arg>
using unless_place = std::enable_if_t<!std::is_same_v<std::decay_t<Arg>, place>, int>;
}  // namespace detail

}  // namespace loopbridge
