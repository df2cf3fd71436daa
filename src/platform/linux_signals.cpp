#include <pthread.h>
#include <signal.h>

#include <array>
#include <bit>
#include <initializer_list>

#include "platform/platform.hpp"

namespace loopbridge::detail::platform {
namespace {

signal_mask all_but(std::initializer_list<int> open) noexcept {
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int number : open) sigdelset(&blocked, number);
  return std::bit_cast<signal_mask>(blocked);
}

/// Of loop_signals: bit n of its sets is numbers[n].
constexpr std::array<int, 6> numbers{SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGCHLD};
constexpr unsigned sigchld = 1u << (numbers.size() - 1);

}  // namespace

signal_mask asynchronous_signals() noexcept {
  return all_but({SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS});
}

signal_mask default_blocked_signals() noexcept {
  return all_but({SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,  // synchronous
                  SIGPROF,                                                    // profilers'
                  SIGXCPU, SIGPWR});                                          // collectors'
}

signals_blocked::signals_blocked() noexcept {
  const auto all = std::bit_cast<sigset_t>(asynchronous_signals());
  sigset_t before;
  blocked_ = pthread_sigmask(SIG_BLOCK, &all, &before) == 0;
  before_ = std::bit_cast<signal_mask>(before);
}

signals_blocked::~signals_blocked() {
  const auto before = std::bit_cast<sigset_t>(before_);
  if (blocked_) pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void loop_signals::begin() noexcept {
  minds_ = true;
  sigset_t blocked;
  if (pthread_sigmask(SIG_BLOCK, nullptr, &blocked) != 0) return;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    if (sigismember(&blocked, numbers[n]) == 0) may_open_ |= 1u << n;
  }
}

void loop_signals::open(std::uint64_t now, bool has_children) noexcept {
  if (!minds_) return;
  if (now - looked_at_ >= look_interval) {
    looked_at_ = now;
    unhandled_ = without_handler();
  }
  set(unhandled_ | (has_children ? sigchld : 0));
}

void loop_signals::close(bool has_children) noexcept {
  if (minds_) set(has_children ? sigchld : 0);
}

unsigned loop_signals::without_handler() const noexcept {
  unsigned found = 0;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    struct sigaction now{};
    if ((may_open_ >> n & 1) == 0 || sigaction(numbers[n], nullptr, &now) != 0) continue;
    if (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN) found |= 1u << n;
  }
  return found;
}

void loop_signals::set(unsigned wanted) noexcept {
  if (wanted == open_) return;
  for (const bool opens : {false, true}) {
    const unsigned change = opens ? wanted & ~open_ : open_ & ~wanted;
    if (change == 0) continue;
    sigset_t signals;
    sigemptyset(&signals);
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      if ((change >> n & 1) != 0) sigaddset(&signals, numbers[n]);
    }
    pthread_sigmask(opens ? SIG_UNBLOCK : SIG_BLOCK, &signals, nullptr);
  }
  open_ = wanted;
}

}  // namespace loopbridge::detail::platform
