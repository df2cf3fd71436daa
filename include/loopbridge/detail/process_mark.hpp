#pragma once

#include <atomic>
#include <cstdint>

namespace loopbridge::detail {

/// Tells a process from one that it forked, by one load: any thread, any handler, no system call.
///
/// The number lives in a page that the kernel wipes in the child (MADV_WIPEONFORK), so a fork by
/// any means is seen, also one that skips pthread_atfork's handlers; where the kernel has no such
/// page a pthread_atfork handler wipes it. A bridge keeps the number it started under.
///
/// Home of the number: set by one CAS, by whoever marks the process first, and by the wiping.
/// Relaxed everywhere: it orders nothing, and within one process it never changes once it is set.
/// Marking takes no lock, so that a fork while another thread marks leaves the child whole.
class process_mark {
 public:
  /// Marks the process if it is not marked yet. Ordinary threads. Throws std::system_error.
  process_mark();

  bool is_this_process() const noexcept {
    return page_->load(std::memory_order_relaxed) == number_;
  }

 private:
  const std::atomic<std::uint64_t>* page_;
  std::uint64_t number_;
};

}  // namespace loopbridge::detail
