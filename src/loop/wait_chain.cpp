#include "loop/wait_chain.hpp"

#include <algorithm>
#include <source_location>
#include <string>
#include <utility>

#include "platform/platform.hpp"

namespace loopbridge::detail {

void wait_chain::until_nobody_looks() noexcept {
  while (process_mark::looked_at().looking.load() != 0) platform::yield_cpu();
}

/// How many steps it is back to where it begins; 0: it leads elsewhere. At each step one of the
/// three is what must go on.
unsigned wait_chain::walk(const goal& end, step (&path)[longest]) noexcept {
  wait_vertex* thread = end.thread;
  const deferred_base* task = end.answer;
  call_base* call = nullptr;
  for (unsigned length = 0; length < longest;) {
    step& here = path[length++];
    if (call != nullptr) {
      here = {call, 0};
      const completion::phase how_far = call->how_far();
      if (how_far == completion::waiting) {
        // Read after `waiting` was seen; held by the call.
        task = &call->answer();
        if (task == end.answer) return length;
      } else if (how_far == completion::queued || how_far == completion::running) {
        thread = wait_vertex::resolve_proxy(call->core().vertex());
        if (thread != nullptr && thread == end.thread) return length;
      }
      call = nullptr;
    } else if (task != nullptr) {
      here = {task, 0};
      call = task->awaits_.load();
      const held_lock* const lock = call == nullptr ? task->awaits_lock_.load() : nullptr;
      task = lock != nullptr ? lock->by.load() : nullptr;
      if (task != nullptr && task == end.answer) return length;
    } else if (thread != nullptr) {
      here = {thread, thread->episode_.load()};
      wait_vertex* const at = std::exchange(thread, nullptr);
      if (!at->endless_.load()) return 0;
      call = at->call_.load();
      if (call != nullptr) continue;
      thread = wait_vertex::resolve_proxy(at->waits_for_.load());
      if (thread != nullptr && thread == end.thread) return length;
    } else {
      return 0;
    }
  }
  return 0;
}

bool wait_chain::is_circle(const goal& end) noexcept {
  // While it looks, its thread must not be interrupted: a handler might wait for a loop that waits
  // for this to be over.
  const platform::signals_blocked while_locked;
  auto& looking = process_mark::looked_at().looking;
  looking.fetch_add(1);
  step once[longest];
  step again[longest];
  const unsigned length = walk(end, once);
  const bool found =
      length != 0 && walk(end, again) == length && std::equal(once, once + length, again);
  looking.fetch_sub(1);
  return found;
}

void wait_chain::check(wait_vertex& own, std::source_location where) {
  if (!is_circle({&own, nullptr})) return;
  char name[wait_vertex::name_words * 8 + 1];
  own.get_name(name);
  throw would_deadlock(std::string("loopbridge: this wait would never end, because what it waits "
                                   "for is in a task, or a then(), that waits in turn for the "
                                   "loop of '") +
                       name + "', which is the caller's" + submitted_at(where) +
                       "; on a loop thread do not wait: submit(), and go on in a callback");
}

bool wait_chain::leads_back_to(deferred_base& d) noexcept {
  if (process_mark::looked_at().waiting.load() == 0) return false;
  return is_circle({nullptr, &d});
}

}  // namespace loopbridge::detail
