#pragma once

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "round.hpp"
#include "station.hpp"
#include "watch.hpp"

namespace soak {

/// What every round has, wherever its decisions come from: the bridges, their prepaid calls, and a
/// thread that sees to it that no deferred stays unsettled and that signals come.
class stage {
 public:
  stage(account& books, tally& counts, choices& c, faults* broken = nullptr);
  /// Waits until the loops have done what they were given, with nothing else to wake them. Actors
  /// must be at rest.
  void await_quiet();
  /// Ends the bridges. Actors may go on with handles meanwhile.
  void end_bridges(choices& c);
  /// Nobody acts any more: looks at what was left lying and settles the account.
  void settle();
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  world& in() noexcept { return world_; }

  /// Threads that take signals while they are listed.
  void list(pthread_t actor);
  void unlist(pthread_t actor);
  void start_helping(std::uint64_t seed, bool signals);
  void stop_helping();

 private:
  void help(std::uint64_t seed, bool signals) noexcept;
  void look_at_the_rest();

  world world_;
  std::mutex listing_;
  std::vector<pthread_t> listed_;
  std::atomic<bool> hush_{false};  ///< no signals for now
  std::atomic<bool> enough_{false};
  std::thread helper_;
};

/// On an actor's stack, for its life.
class acting {
 public:
  acting(stage& s, std::uint64_t seed);
  ~acting();
  acting(const acting&) = delete;
  acting& operator=(const acting&) = delete;

  /// From now on the handler leaves the bridges alone.
  void leave_bridges() noexcept;

 private:
  stage& stage_;
  under_watch watched_;
  handler_state handler_;
};

}  // namespace soak
