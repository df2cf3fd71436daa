#include "loop_signals.hpp"

#include <pthread.h>

namespace loopbridge::detail {
namespace {

/// Has the loop children of uv_spawn's? (`child_watcher` is libuv's own handle, active while
/// uv_process_t handles are. No public function tells, but its place in uv_loop_t is part of
/// libuv's ABI.)
bool has_children(const uv_loop_t& loop) noexcept {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&loop.child_watcher)) != 0;
}

}  // namespace

void loop_signals::begin() noexcept {
  minds_ = true;
  sigset_t blocked;
  if (pthread_sigmask(SIG_BLOCK, nullptr, &blocked) != 0) return;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    if (sigismember(&blocked, numbers[n]) == 0) may_open_ |= 1u << n;
  }
}

void loop_signals::open(const uv_loop_t& loop) noexcept {
  if (!minds_) return;
  const std::uint64_t now = uv_now(&loop);
  if (now - looked_at_ >= look_interval) {
    looked_at_ = now;
    unhandled_ = without_handler();
  }
  set(unhandled_ | (has_children(loop) ? sigchld : 0));
}

void loop_signals::close(const uv_loop_t& loop) noexcept {
  if (minds_) set(has_children(loop) ? sigchld : 0);
}

unsigned loop_signals::without_handler() const noexcept {
  unsigned found = 0;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    struct sigaction now {};
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

}  // namespace loopbridge::detail
