#include "loopbridge/handlers/reentrant_queue.hpp"

#include "platform/platform.hpp"
#include "sync/futex.hpp"

namespace loopbridge::detail {

// The getters' lock is held for a few instructions, and no handler comes in between: it could wait
// for what another getter does, which needs the lock.

queue_node* queue_base::pop() noexcept {
  const platform::signals_blocked while_locked;
  const std::lock_guard lock(mutex_);
  // has_news() is seq_cst: it is a getter's look at the list, after arm(). What another getter has
  // taken before it is in the chain by now, for it was taken under this lock.
  if (taken_.oldest == nullptr && list_.has_news()) taken_ = list_.take();
  return taken_.pop();
}

queue_node* queue_base::look() {
  if (!process_.is_this_process()) throw_refused(status::wrong_process);
  const bool was_closed = list_.closed();  // before: what was accepted is found then
  queue_node* const n = pop();
  if (n == nullptr && was_closed) throw_refused(status::queue_closed);
  return n;
}

queue_node* queue_base::take(deadline until) {
  for (;;) {
    if (queue_node* const n = look(); n != nullptr) return n;
    if (until != no_deadline && std::chrono::steady_clock::now() >= until) return nullptr;
    const std::uint32_t armed = arm();
    if (queue_node* const n = look(); n != nullptr) return n;
    futex_wait(word_, armed, until, process_);
  }
}

void queue_base::put_back(queue_node& n) noexcept {
  {
    const platform::signals_blocked while_locked;
    const std::lock_guard lock(mutex_);
    basic_batch<queue_node> whole{&n, &n};
    n.next = nullptr;
    whole.append(taken_);
    taken_ = whole;
  }
  wake();  // others may have looked meanwhile, and found none
}

queue_node* queue_base::take_at_end() noexcept {
  return pop();
}

std::uint32_t queue_base::arm() noexcept {
  std::uint32_t word = word_.load();
  std::uint32_t armed;
  do {
    armed = (word | 1) + (word & 1) * 2;  // the next odd one
  } while (!word_.compare_exchange_weak(word, armed));
  return armed;
}

void queue_base::wake() noexcept {
  std::uint32_t word = word_.load();
  while ((word & 1) != 0) {
    if (!word_.compare_exchange_weak(word, word + 2)) continue;
    futex_wake_all(word_);
    word += 2;
    word_.compare_exchange_strong(word, word + 1);  // unless somebody is about to sleep again
    return;
  }
}

void queue_base::throw_refused(status s) {
  if (s == status::wrong_process) {
    throw wrong_process(
        "loopbridge: this queue belongs to the process that forked this one; make a new queue "
        "after fork()");
  }
  throw_error(status::queue_closed);
}

}  // namespace loopbridge::detail
