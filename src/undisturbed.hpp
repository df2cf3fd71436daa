#pragma once

#include <pthread.h>
#include <signal.h>

namespace loopbridge::detail {

/// While it stands, no handler interrupts the calling thread.
///
/// For a few instructions under a lock that a loop's thread takes too: a handler in between could
/// wait for that very loop.
class undisturbed {
 public:
  undisturbed() noexcept {
    sigset_t all;
    sigfillset(&all);
    masked_ = pthread_sigmask(SIG_SETMASK, &all, &before_) == 0;
  }
  ~undisturbed() {
    if (masked_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  undisturbed(const undisturbed&) = delete;
  undisturbed& operator=(const undisturbed&) = delete;

 private:
  sigset_t before_;
  bool masked_;
};

}  // namespace loopbridge::detail
