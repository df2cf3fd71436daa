#pragma once

#include <functional>

/// Interrupts an operation at every single instruction boundary.
///
/// Random signals do not find the bugs that matter here: a handler has to hit the few instructions
/// between two steps of a push or a wake-up. So the processor's trap flag raises SIGTRAP after each
/// instruction of the calling thread, through our code, libc and all; at boundary k the SIGTRAP
/// handler runs the nested operation. Since that is a signal handler, and the boundary is where
/// the thread was interrupted, it is in the place of any handler that a program might have.
///
/// The flag skips one boundary: that directly after a `syscall` instruction.
namespace stepping {

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
inline constexpr bool available = true;
#else
inline constexpr bool available = false;  // sanitizers' runtimes are not made to be stepped through
#endif

/// Runs `operation` once on this thread, with `nested` called in a signal handler at boundary
/// number `boundary` (from 1). False: the operation was over before that. At most one thread.
bool interrupt_at(unsigned boundary, const std::function<void()>& operation,
                  const std::function<void()>& nested);

/// What one sweep over all boundaries of an operation saw.
struct report {
  unsigned points = 0;   ///< boundaries at which the nested operation ran
  unsigned lost = 0;     ///< accepted calls that did not run
  unsigned doubled = 0;  ///< calls that ran more than once
  unsigned hung = 0;     ///< nested operations that waited in vain
  unsigned refused = 0;  ///< nested operations that were refused
};

/// Prints one line, so that each run of the tests says what it covered.
void print(const char* scenario, const report& r);

}  // namespace stepping
