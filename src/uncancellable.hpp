#pragma once

#include <pthread.h>

namespace loopbridge::detail {

/// While it stands, pthread_cancel does not end the calling thread; it does so at the thread's next
/// cancellation point after that. (Deferred cancellation: the asynchronous kind is unsupported.)
///
/// Needed wherever we reach a system call that is a cancellation point: in libuv, whose C code does
/// not clean up when a thread is unwound through it, and in functions that are noexcept, where the
/// unwinding would be std::terminate. Any thread, any handler.
class uncancellable {
 public:
  uncancellable() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~uncancellable() {
    int ours;
    pthread_setcancelstate(before_, &ours);
  }
  uncancellable(const uncancellable&) = delete;
  uncancellable& operator=(const uncancellable&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace loopbridge::detail
