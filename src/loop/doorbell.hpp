#pragma once

#include <uv.h>

#include <memory>

#include "loopbridge/detail/sync/process_mark.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge::detail {

/// What wakes a sleeping loop: one uv handle on the loop, and a way to trigger it from anywhere.
///
/// The seam between the core and the two ways to do that. open, handle and close are for the loop
/// thread (or before the loop runs); ring is for any thread and any handler, from open until the
/// object is destroyed, also after close.
class doorbell_base {
 public:
  static std::unique_ptr<doorbell_base> make(doorbell kind);
  virtual ~doorbell_base() = default;

  /// Starts the handle. Returns 0 or a uv error; then handle() shows whether it must be closed.
  virtual int open(uv_loop_t* loop) noexcept = 0;
  /// The handle, or null if it was not initialized. Its `data` is the doorbell_base.
  virtual uv_handle_t* handle() noexcept = 0;
  /// Wakes the loop, unless closed, or in a forked child. Asked here, at the last moment, because a
  /// handler may have forked since the submission began: but for a few instructions before the
  /// system call, the parent's loop is not rung by a child. (If it is, it finds nothing to do.)
  /// Keeps errno.
  virtual void ring() noexcept = 0;
  /// close_own on the handle, once no ring() can touch it any more.
  virtual void close(uv_close_cb on_closed) noexcept = 0;
  /// May a handler wait for an answer after it rang?
  virtual bool handler_may_wait() const noexcept = 0;

  void* owner = nullptr;         ///< for the close callback
  uv_close_cb theirs = nullptr;  ///< for it, too: see close_own

 protected:
  const process_mark process_;
};

std::unique_ptr<doorbell_base> make_wakeup_fd_doorbell();
std::unique_ptr<doorbell_base> make_uv_async();

}  // namespace loopbridge::detail
