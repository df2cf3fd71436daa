#pragma once

#include <signal.h>
#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace loopbridge::detail {

/// Which signals the thread of a loop of our own has open at times, where options::blocked_signals
/// leaves that to us.
///
/// It blocks nearly all, lest it take what others are to have: handlers of the program, and threads
/// that fetch signals. But what a callable starts inherits its mask, and a program that blocks
/// these from its beginning cannot be ended, times itself out never, and waits for children in
/// vain (dash's `wait` does). So while callables may run it opens those of them that nobody else is
/// to have: the program has no handler, and the bridge's maker does not block them either. While it
/// sleeps, which is most of the time, it blocks them all.
///
/// SIGCHLD is open besides while the loop has children of uv_spawn's: libuv learns of their ends in
/// a handler, which some thread must run, and the program may have blocked it in all of its own.
class loop_signals {
 public:
  /// The maker's thread, before there is one for the loop.
  void begin() noexcept;

  // Loop thread. All do nothing without begin().

  /// Callables may run. Looks at what handlers there are if it has not lately: it takes a system
  /// call for each signal, which a loop that is woken every 300 us would feel.
  void open(const uv_loop_t& loop) noexcept;
  /// The loop will sleep.
  void close(const uv_loop_t& loop) noexcept;

 private:
  static constexpr std::array<int, 6> numbers{SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGCHLD};
  static constexpr unsigned sigchld = 1u << (numbers.size() - 1);

  static constexpr std::uint64_t look_interval = 10;  ///< milliseconds

  unsigned without_handler() const noexcept;
  void set(unsigned wanted) noexcept;

  bool minds_ = false;
  unsigned may_open_ = 0;   ///< those that the maker has open: bits, by their place in `numbers`
  unsigned unhandled_ = 0;  ///< those of them that had no handler when it last looked
  unsigned open_ = 0;
  std::uint64_t looked_at_ = 0 - look_interval;  ///< by the loop's clock
};

}  // namespace loopbridge::detail
