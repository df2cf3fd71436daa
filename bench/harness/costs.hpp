#pragma once

#include <cstdint>

namespace bench {

/// What the whole process has used up so far.
///
/// System calls are counted where the C library's functions for them are entered (see
/// interpose.cpp), because counting them in the kernel needs rights that few users have. Not seen:
/// those that the C library makes inside itself, which here are the futex calls of contended
/// mutexes and condition variables. So a contender with a lock shows too few, never too many.
struct costs {
  double cpu_ns = 0;
  std::uint64_t switches = 0;  ///< context switches, voluntary or not
  std::uint64_t system_calls = 0;
  std::uint64_t writes = 0;       ///< of these: write, send and the like: the doorbells
  std::uint64_t allocations = 0;  ///< malloc, calloc, realloc

  static costs so_far();
};

costs operator-(const costs& after, const costs& before);

}  // namespace bench
