#pragma once

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <thread>

#include "support/patience.hpp"

namespace stepping {

/// Far above any scheduling delay: reached only by a real hang.
inline constexpr auto patience = support::generous;

/// The calls that one side made, the interrupted operation or its handlers, and what came of them.
struct ledger {
  std::atomic<int> ran{0};    ///< calls that ran, results that arrived
  std::atomic<int> least{0};  ///< how many must,
  std::atomic<int> most{0};   ///< and may

  void expect(int n) {
    least += n;
    most += n;
  }
  void reset() {
    ran = 0;
    least = 0;
    most = 0;
  }
};

/// Is a thread asleep in a system call? Asked of the kernel, by other threads.
class thread_state {
 public:
  thread_state();  ///< of the calling thread
  ~thread_state();
  thread_state(const thread_state&) = delete;
  thread_state& operator=(const thread_state&) = delete;
  bool is_asleep() const;

 private:
  int fd_;
};

/// A bridge to step on, with what operations and handlers need, and an account of both.
class stepped_bridge {
 public:
  explicit stepped_bridge(loopbridge::doorbell kind);
  ~stepped_bridge();
  stepped_bridge(const stepped_bridge&) = delete;
  stepped_bridge& operator=(const stepped_bridge&) = delete;

  /// Until the loop is asleep, so that the next submission has to ring.
  void wait_until_asleep() const;
  /// Keeps the loop in a callable until let_go, and, if `operation_waits`, until the stepped thread
  /// sleeps in the operation (from when stepping is set).
  void hold(bool operation_waits);
  /// Has another thread stop the bridge; returns when it refuses work, the loop being held.
  void begin_stop();
  /// Lets the loop go, and waits for whatever was accepted; `stopped`: for the bridge's end, and
  /// that of its prepaid calls.
  void settle(bool stopped);
  void reset_ledgers();

  ledger outer;   ///< of the operation
  ledger nested;  ///< of its handlers
  /// Calls that ended in bridge_stopped with nobody to tell but the hook.
  std::atomic<int> reported{0};
  std::atomic<bool> let_go{false};
  std::atomic<bool> stepping{false};  ///< the operation is under way
  std::atomic<bool> loop_has_ended{false};

  std::optional<loopbridge::bridge> bridge;
  std::optional<loopbridge::reentrant_call> own_call;  ///< the operation's
  std::optional<loopbridge::reentrant_call> fired;     ///< the handlers'

  // For operations on results.
  std::optional<loopbridge::eventual<int>> answer;
  std::optional<loopbridge::completer<int>> completer;
  bool said = false;  ///< what the operation was told

 private:
  loopbridge::options options_for(loopbridge::doorbell kind);

  const thread_state stepped_;
  std::atomic<bool> held_{false};
  std::thread stopper_;
};

}  // namespace stepping
