#pragma once

#include <cstdint>

namespace stepping {

/// A hardware breakpoint of the calling thread's for each level of interruptions: SIGTRAP with
/// TRAP_PERF each time before it runs the instruction there. In handlers too.
struct breakpoint {
  /// False: the kernel lends none (no such hardware, or not to us).
  static bool set(unsigned level, std::uintptr_t address);
  static void clear(unsigned level);
};

}  // namespace stepping
