#include "loop/core.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/errors.hpp"

// A stop in two steps: closed to everybody but the loop, and then, when that has nothing left,
// closed. The second step is the loop's, at the end of a turn (run_turn).
namespace loopbridge::detail {

void core::stop_when_idle() {
  if (!is_this_process()) throw_error(status::wrong_process);
  is_special_.store(true, std::memory_order_relaxed);  // both: see is_closed_to_caller()
  // By way of the list: the loop wakes for it, and has run by then what was accepted before.
  if (for_loop_only_.exchange(true, std::memory_order_relaxed)) return;
  if (submit(idle_request_) == status::accepted && adopted_) keep_alive_from_inside();
}

bool core::stop_within(std::chrono::nanoseconds time) {
  const deadline until = deadline_after(time);
  bool by_itself = false;
  {
    const blocking_wait waiting(*this, {}, blocking_wait::how::timed, &ended_);
    stop_when_idle();
    by_itself = ended_.wait(until, process());
  }
  stop();
  return by_itself;
}

bool core::is_idle() const noexcept {
  return batch_.oldest == nullptr && !has_news() && nothing_waits();
}

bool core::nothing_waits() const noexcept {
  return deferreds_.is_empty() && end_hooks_ == nullptr;
}

void core::idle_request::go(loop_core& of) noexcept {
  static_cast<core&>(of).ends_when_idle_ = true;
}

void core::idle_request::end(loop_core&) noexcept {}

}  // namespace loopbridge::detail
