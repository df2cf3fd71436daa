#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <loopbridge/bridge.hpp>
#include <loopbridge/handlers/reentrant_call.hpp>

#include "tally.hpp"

namespace tour {

/// Submits from the handler of a timer signal, which interrupts the threads that ask for it four
/// thousand times a second, wherever they are: in malloc, in a system call, in a submission to the
/// same bridge. Now and then it also waits for the answer there.
///
/// One at a time, since it takes the process's timer and its handler of SIGALRM, and ignores that
/// signal afterwards. While a `blocked` stands.
class signal_submitter {
 public:
  /// While it exists, the thread that made it has the signal blocked, and so have the threads that
  /// it starts. Make it before there are any, bridges' and libuv's too.
  class blocked {
   public:
    blocked();
    ~blocked();
    blocked(const blocked&) = delete;
    blocked& operator=(const blocked&) = delete;

   private:
    sigset_t before_;
  };

  signal_submitter(loopbridge::bridge& b, tallies& t);
  ~signal_submitter();
  signal_submitter(const signal_submitter&) = delete;
  signal_submitter& operator=(const signal_submitter&) = delete;

  /// While it exists, the thread that made it, and destroys it, may be interrupted.
  class interruption {
   public:
    interruption();
    ~interruption();
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;
  };

  std::uint64_t signals() const noexcept { return signals_.load(std::memory_order_relaxed); }

 private:
  void submit() noexcept;

  /// For the handler, which is given nothing but a number.
  static std::atomic<signal_submitter*> current_;

  loopbridge::bridge& bridge_;
  tallies& tallies_;
  std::atomic<std::uint64_t> signals_{0};
  loopbridge::reentrant_call fired_;
  loopbridge::reentrant_call awaited_;
};

}  // namespace tour
