#pragma once

#include <pthread.h>
#include <signal.h>

namespace loopbridge::detail {

/// While it stands, no handler interrupts the calling thread, except for a signal that one of its
/// own instructions raises: blocked, that would end the process and not even reach its handler.
/// What the thread blocks itself stays blocked.
///
/// For a few instructions under a lock that a loop's thread, or another getter of a queue, takes
/// too: a handler in between could wait for that very thread.
class undisturbed {
 public:
  undisturbed() noexcept {
    const sigset_t all = signals();
    masked_ = pthread_sigmask(SIG_BLOCK, &all, &before_) == 0;
  }
  ~undisturbed() {
    if (masked_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  undisturbed(const undisturbed&) = delete;
  undisturbed& operator=(const undisturbed&) = delete;

  /// Those that are kept off.
  static sigset_t signals() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, own);
    return all;
  }

 private:
  sigset_t before_;
  bool masked_;
};

}  // namespace loopbridge::detail
