#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace soak {

/// Breakages between the soak and the library, one at a time, with which the account's own tests
/// make sure that it would notice. The first `unharmed`
/// calls of a round that it might hit pass.
struct faults {
  enum class breakage {
    drop_post,         ///< accepted, and never run
    lose_post,         ///< accepted, and never run nor destroyed
    run_twice,         ///<
    overtake,          ///< run after calls that were posted later
    wrong_thread,      ///< run on a thread that is not the loop's
    refuse_late,       ///< refused, and run all the same
    late_destruction,  ///< answered while the callable still lives
    wrong_answer,      ///< another call's
    withhold_answer,   ///< the waiter is never released
    hush_report,       ///< on_unhandled_error does not hear of it
    report_twice,      ///<
  };
  faults(breakage b, int n) : what(b), unharmed(n), after(n) {}

  /// Is it `b`'s turn now?
  bool due(breakage b) noexcept {
    return b == what && after.fetch_sub(1, std::memory_order_relaxed) == 0;
  }

  /// Lets go of the waiter whose answer is withheld, if there is one.
  void release() {
    const std::lock_guard lock(mutex);
    if (const auto once = std::exchange(undo, nullptr)) once();
  }

  const breakage what;
  const int unharmed;
  std::atomic<int> after;
  std::atomic<int> done{0};
  std::shared_ptr<void> held;  ///< kept alive until the reckoning is over
  std::mutex mutex;
  std::function<void()> undo;  ///< under the mutex
};

}  // namespace soak
