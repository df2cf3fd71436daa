#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "platform/platform.hpp"

namespace loopbridge::detail {

/// Whether it pays to wait awake for a moment before sleeping: the judgement of one side, of the
/// loop or of all its waiters.
///
/// Falling asleep and being woken costs a microsecond or two on one CPU, and thirty or more where
/// an idle one must be woken. Spinning avoids it, but only if the other side answers soon; if it
/// runs on the same CPU, only if it is let in (yield); and not at all if a third thread wants the
/// CPU, but for one that the answer depends on: a server's, say, which must be let in, too. So each
/// side keeps a score, and learns without spinning: a sleep that turned out short speaks for it, a
/// long one against, a spin that found nothing more so. A spin in which the clock jumps shows that
/// a neighbour took the CPU, and ends spinning for a while.
///
/// Any thread; not from a handler. Home of the atomics: all waiters share them. All are relaxed,
/// for they are advice: a thread that reads an old value sleeps or spins once too often.
class spinner {
 public:
  using clock = std::chrono::steady_clock;
  /// A gap longer than this means that an unrelated thread had the CPU.
  static constexpr std::chrono::microseconds neighbours_turn{500};

  /// Shall the caller spin now?
  bool is_worth_it() const noexcept {
    if (score_.load(std::memory_order_relaxed) <= 0) return false;
    const std::int64_t off_until = off_until_.load(std::memory_order_relaxed);
    // Never yet, mostly: spares the look at the clock, which costs as much as half a call.
    return off_until == 0 || clock::now().time_since_epoch().count() >= off_until;
  }

  enum class spun { in_vain, ready, late };

  /// What a side waits for may have to come from third threads, of other programs even.
  enum class others { are_not_needed, are_needed, have_come };

  /// Looks until `ready`, or `until`, or no longer. Does the other side share this CPU?
  ///
  /// `ask_others` is called once in a microsecond or so. While they are needed they are let in, and
  /// the spin is longer; what has come from them ends it.
  ///
  /// `late`: another thread had the CPU for long meanwhile. It may be ready by now. If that was a
  /// neighbour, and no thread that has to do with this bridge, step_back().
  template <class Ready, class AskOthers>
  spun spin(bool shares_cpu, clock::time_point until, Ready&& ready,
            AskOthers&& ask_others) noexcept {
    // Most spins that succeed do so within the first looks, before the clock is needed.
    for (unsigned looks = 0; looks < looks_per_clock; ++looks) {
      if (ready()) return found();
      if (shares_cpu) break;
      platform::pause_cpu();
    }
    const clock::time_point begun = clock::now();
    clock::time_point now = begun, end = (std::min)(begun + longest_yield, until);
    for (unsigned looks = 1; now < end; ++looks) {
      if (ready()) return found();
      if (shares_cpu) {
        platform::yield_cpu();
      } else {
        platform::pause_cpu();
        if (looks % looks_per_clock != 0) continue;
      }
      const others these = ask_others();
      if (these == others::have_come) return found();
      if (!shares_cpu) {  // else it has yielded already
        const bool needed = these == others::are_needed;
        if (needed) platform::yield_cpu();
        end = (std::min)(begun + (needed ? longest_with_others : longest_pause), until);
      }
      const clock::time_point before = now;
      now = clock::now();
      if (now - before <= neighbours_turn) continue;
      return spun::late;
    }
    learn(shares_cpu ? -1 : -4);
    return ready() ? spun::ready : spun::in_vain;
  }

  /// A neighbour has the CPU: no spinning for a while, longer each time. (By time, and not by the
  /// number of waits, so that finding out whether it is gone costs next to nothing.)
  void step_back() noexcept {
    const std::int64_t at = clock::now().time_since_epoch().count();
    const bool again = at - off_until_.load(std::memory_order_relaxed) < 2 * longest_break;
    const std::int64_t next =
        again ? (std::min)(16 * break_.load(std::memory_order_relaxed), longest_break)
              : first_break;
    break_.store(next, std::memory_order_relaxed);
    off_until_.store(at + next, std::memory_order_relaxed);
  }

  /// The caller has slept instead.
  void slept(clock::duration how_long) noexcept { learn(how_long < short_sleep ? 1 : -1); }

  /// Where the side was last seen; -1: not yet.
  int cpu() const noexcept { return cpu_.load(std::memory_order_relaxed); }
  int note_cpu() noexcept {
    const int here = platform::current_cpu();
    if (cpu() != here) cpu_.store(here, std::memory_order_relaxed);  // spares the cache line
    return here;
  }

  /// For tests: as if it had always paid.
  void trust() noexcept { score_.store(most, std::memory_order_relaxed); }

 private:
  // Found by measuring, on two CPUs of a virtual machine; docs/performance.md says what they buy.
  static constexpr int most = 8;
  static constexpr unsigned looks_per_clock = 16;
  static constexpr std::chrono::microseconds longest_yield{10};
  static constexpr std::chrono::microseconds longest_pause{50};
  static constexpr std::chrono::microseconds longest_with_others{100};
  static constexpr std::chrono::microseconds short_sleep{100};
  static constexpr std::int64_t first_break = 10'000'000;  ///< in the clock's nanoseconds
  static constexpr std::int64_t longest_break = 2'000'000'000;

  spun found() noexcept {
    learn(1);
    return spun::ready;
  }
  void learn(int by) noexcept {
    const int score = score_.load(std::memory_order_relaxed);
    const int better = std::clamp(score + by, -most, most);
    if (better != score) score_.store(better, std::memory_order_relaxed);
  }

  std::atomic<int> score_{0};
  std::atomic<int> cpu_{-1};
  std::atomic<std::int64_t> off_until_{0};
  std::atomic<std::int64_t> break_{first_break};
};

/// The two sides' judgement.
struct spinners {
  alignas(64) spinner loop;
  alignas(64) spinner waiters;
  /// Does the loop watch descriptors? Then most answers come from whoever is at their other ends.
  /// Written by the loop, and advice, as the rest.
  std::atomic<bool> loop_needs_others{false};

  spinner::others others_of_waiters() const noexcept {
    return loop_needs_others.load(std::memory_order_relaxed) ? spinner::others::are_needed
                                                             : spinner::others::are_not_needed;
  }
};

}  // namespace loopbridge::detail
