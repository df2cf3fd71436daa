#pragma once

#include <type_traits>

namespace loopbridge {

/// Where a call was submitted: file and line of the caller, carried along so that an error that
/// surfaces later, on another thread, can still say where the work came from. And, where the caller
/// gives one, a label of what it is:
///
///     bridge.post(f, place::labelled("price update"));
///
/// It stands in for std::source_location, which clang 14 does not have with libstdc++. A default
/// argument `place where = place::current()` is the place of the caller.
struct place {
  const char* file = nullptr;  ///< null where the place is not known
  unsigned line = 0;
  /// Of the label, which is kept elsewhere so that every call that has none is no larger for it.
  unsigned label_number = 0;

  static constexpr place current(const char* file = __builtin_FILE(),
                                 unsigned line = __builtin_LINE()) noexcept {
    return {file, line, 0};
  }

  /// The same with a label: a copy of `text` is kept for good, once for each text there is, so this
  /// is for names and not for data. Any ordinary thread; no lock. It looks `text` up among the
  /// labels there are: who submits by the million keeps what this gives in a static variable, and
  /// whoever submits in a handler makes it before. Throws std::bad_alloc.
  [[nodiscard]] static place labelled(const char* text, const char* file = __builtin_FILE(),
                                      unsigned line = __builtin_LINE());

  /// The label's text; null if there is none. Anywhere, in handlers too.
  const char* label() const noexcept;
};
static_assert(sizeof(place) == 16, "it is in every call");

namespace detail {
/// "file.cpp:7", "file.cpp:7 [label]" or "an unknown place"; cut where it is longer. For messages
/// that must not fail.
class place_text {
 public:
  explicit place_text(place where) noexcept;
  const char* c_str() const noexcept { return text_; }

 private:
  char text_[512];
};

/// For overloads, so that a place passed by hand is not taken for a callable. Not a
/// requires-clause: compilers before CWG 2369 (clang up to 15) would look at the function's type
/// first, which is an error where a callable does not accept a place.
template <class Arg>
using unless_place = std::enable_if_t<!std::is_same_v<std::decay_t<Arg>, place>, int>;
}  // namespace detail

}  // namespace loopbridge
