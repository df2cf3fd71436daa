#pragma once

#include "loopbridge/detail/call/deferred_state.hpp"
#include "loopbridge/errors.hpp"
#include "sync/intrusive_list.hpp"

namespace loopbridge::detail {

/// The deferreds that calls of one bridge wait for, so that its end finds them all. Under the drain
/// lock; each is held while it is here.
class deferred_register {
 public:
  void add(deferred_base& d) noexcept {
    d.add_ref();
    link_first(first_, d);
    d.registered = true;
  }

  /// Loop thread: `d` has been claimed. Runs the cancel hook if that is owed. Once; later calls do
  /// nothing.
  void remove(deferred_base& d) noexcept {
    if (!d.registered) return;
    d.registered = false;
    unlink(first_, d);
    d.finish_cancel_hook();
    d.release_ref();
  }

  bool is_empty() const noexcept { return first_ == nullptr; }

  /// Loop thread, at the end: every call that waits ends as stopped, and the cancel hooks run.
  void end_all() noexcept {
    while (first_ != nullptr) {
      deferred_base& d = *first_;
      // Not ours to claim: another thread resolves or cancels it now, and completes the call.
      if (d.claim_as_cancelled()) d.fail(status::bridge_stopped);
      remove(d);
    }
  }

  /// The same on another thread than the loop's: the hooks are left to end_all().
  void fail_all() noexcept {
    for (deferred_base* d = first_; d != nullptr; d = d->following) {
      if (d->claim_as_cancelled()) d->fail(status::bridge_stopped);
    }
  }

 private:
  deferred_base* first_ = nullptr;
};

}  // namespace loopbridge::detail
