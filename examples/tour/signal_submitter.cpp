#include "signal_submitter.hpp"

#include <errno.h>
#include <sys/time.h>

#include <chrono>
#include <system_error>

#include "finalizer.hpp"

namespace tour {
namespace {

constexpr int timer_signal = SIGALRM;
constexpr int period_us = 250;
/// Mandatory in a handler, because the loop may need what the interrupted code holds (malloc's
/// lock, for one).
constexpr auto longest_wait_in_handler = std::chrono::milliseconds(100);

void set_timer(int microseconds) {
  itimerval every{};
  every.it_value.tv_usec = every.it_interval.tv_usec = microseconds;
  if (setitimer(ITIMER_REAL, &every, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "setitimer");
  }
}

/// SIG_BLOCK or SIG_UNBLOCK, for the calling thread.
void change_mask(int how, sigset_t* before = nullptr) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, timer_signal);
  pthread_sigmask(how, &only, before);
}

}  // namespace

constinit std::atomic<signal_submitter*> signal_submitter::current_{nullptr};

signal_submitter::signal_submitter(loopbridge::bridge& b, tallies& t)
    : bridge_(b),
      tallies_(t),
      fired_(b, [&t](std::uint64_t firings) { t.fired.ran(firings); }),
      awaited_(b, [&t](std::uint64_t firings) { t.awaited.ran(firings); }) {
  current_ = this;
  struct sigaction action{};
  action.sa_handler = [](int) { current_.load()->submit(); };
  action.sa_flags = SA_RESTART;  // what the threads block in goes on afterwards
  sigaction(timer_signal, &action, nullptr);
  set_timer(period_us);
}

signal_submitter::~signal_submitter() {
  set_timer(0);
  signal(timer_signal, SIG_IGN);  // drops what is pending, which the default action would die of
}

signal_submitter::blocked::blocked() {
  change_mask(SIG_BLOCK, &before_);
}
signal_submitter::blocked::~blocked() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

/// At an arbitrary instruction: nothing here allocates, locks or throws. errno is kept by the
/// library's functions, and reading the clock does not fail.
void signal_submitter::submit() noexcept {
  const std::uint64_t n = signals_.fetch_add(1, std::memory_order_relaxed);
  tallies_.fired.submitted(fired_.post());
  if (n % 4 == 0) tallies_.posted.submitted(finalizer::post(bridge_, tallies_.posted));
  if (n % 8 == 0) const finalizer in_handler(bridge_, tallies_.in_handler);
  if (n % 16 == 0) {
    const auto begun = clock::now();
    const loopbridge::status s = awaited_.call_for(longest_wait_in_handler);
    tallies_.awaited.submitted(s);
    if (s == loopbridge::status::answered) tallies_.awaited.took(clock::now() - begun);
  }
}

signal_submitter::interruption::interruption() {
  change_mask(SIG_UNBLOCK);
}
signal_submitter::interruption::~interruption() {
  change_mask(SIG_BLOCK);
}

}  // namespace tour
