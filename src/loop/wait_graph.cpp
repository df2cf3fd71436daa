#include "loop/wait_graph.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <source_location>
#include <string>
#include <utility>

#include "loop/wait_chain.hpp"
#include "loopbridge/detail/loop/blocking_wait.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {

namespace {
std::atomic<wait_vertex*> all_vertices{nullptr};
constinit thread_local wait_vertex* own = nullptr;
}  // namespace

wait_vertex* wait_vertex::of_this_thread() noexcept {
  return own;
}

/// One that nobody uses, or a new one. all_vertices is pushed with release and walked with acquire:
/// between threads that come here pairs with claim().
wait_vertex* wait_vertex::claim() noexcept {
  for (wait_vertex* v = all_vertices.load(std::memory_order_acquire); v != nullptr; v = v->next_) {
    bool in_use = false;
    // acquire, release: the owners' stores to name_ come one after the other; pairs with
    // give_back().
    if (!v->in_use_.compare_exchange_strong(in_use, true, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      continue;
    }
    if (!v->is_awaited()) {
      v->lead_to(v);
      return v;
    }
    v->in_use_.store(false, std::memory_order_release);
  }
  wait_vertex* const made = new (std::nothrow) wait_vertex;
  if (made == nullptr) return nullptr;
  made->next_ = all_vertices.load(std::memory_order_relaxed);
  while (!all_vertices.compare_exchange_weak(made->next_, made, std::memory_order_release)) {
  }
  return made;
}

wait_vertex* wait_vertex::of_loop_thread(const char* name) noexcept {
  if (own == nullptr) {
    wait_vertex* const claimed = claim();
    if (claimed == nullptr) return nullptr;
    claimed->is_this_threads();
  }
  own->set_name(name);
  return own;
}

wait_vertex* wait_vertex::of_thread_to_come(const char* name) noexcept {
  wait_vertex* const claimed = claim();
  if (claimed != nullptr) claimed->set_name(name);
  return claimed;
}

void wait_vertex::is_this_threads() noexcept {
  own = this;
  of_ended_thread_.run = [](at_thread_end&) noexcept { std::exchange(own, nullptr)->give_back(); };
  (void)run_at_thread_end(of_ended_thread_);  // without, it stays this thread's
}

wait_vertex* wait_vertex::make_proxy() noexcept {
  return claim();
}

void wait_vertex::lead_to(wait_vertex* v) noexcept {
  proxy_of_.store(v, std::memory_order_seq_cst);  // pairs with resolve_proxy()
}

void wait_vertex::give_back() noexcept {
  in_use_.store(false, std::memory_order_release);  // pairs with claim()
}

/// seq_cst: pairs with lead_to(). A thread that begins to run an adopted loop leads its proxy on
/// before it waits. A thread that looks at itself later than that in the single order sees the
/// running thread here.
wait_vertex* wait_vertex::resolve_proxy(wait_vertex* v) noexcept {
  return v != nullptr ? v->proxy_of_.load(std::memory_order_seq_cst) : nullptr;
}

void wait_vertex::set_name(const char* name) noexcept {
  char bytes[name_words * 8] = {};
  std::memcpy(bytes, name, std::min(std::strlen(name), sizeof(bytes)));
  for (unsigned i = 0; i < name_words; ++i) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i * 8, 8);
    name_[i].store(word, std::memory_order_relaxed);
  }
}

void wait_vertex::get_name(char (&name)[name_words * 8 + 1]) const noexcept {
  for (unsigned i = 0; i < name_words; ++i) {
    const std::uint64_t word = name_[i].load(std::memory_order_relaxed);
    std::memcpy(name + i * 8, &word, 8);
  }
  name[name_words * 8] = '\0';
}

/// Does a thread still wait for the one that had this vertex before? Its bridge has ended, so not
/// for long; but until then the edge must not seem to lead to the next thread. acquire: pairs with
/// claim(). seq_cst: pairs with begin_wait().
bool wait_vertex::is_awaited() const noexcept {
  for (const wait_vertex* v = all_vertices.load(std::memory_order_acquire); v != nullptr;
       v = v->next_) {
    wait_vertex* const to = v->waits_for_.load(std::memory_order_seq_cst);
    if (to == this || resolve_proxy(to) == this) return true;  // itself, while it was a proxy
  }
  return false;
}

void wait_vertex::begin_wait(const loop_core& target, const completion* answer) noexcept {
  answer_.store(answer, std::memory_order_relaxed);  // published by the edge
  // Looked at again after the edge stands: a loop that has ended meanwhile took its name off the
  // vertex before the next thread asks is_awaited(). All four are seq_cst, so one of them sees;
  // pairs with is_awaited() and forget_loop_thread().
  for (wait_vertex* v = target.vertex();; v = target.vertex()) {
    waits_for_.store(v, std::memory_order_seq_cst);
    if (target.vertex() == v) break;
  }
  episode_.fetch_add(1, std::memory_order_release);  // pairs with look()
}

void wait_vertex::is_for(const completion& answer) noexcept {
  answer_.store(&answer, std::memory_order_release);  // pairs with is_over()
}

void wait_vertex::is_endless(call_base* call) noexcept {
  call_.store(call);
  if (!endless_.exchange(true)) process_mark::looked_at().waiting.fetch_add(1);
}

void wait_vertex::end_wait() noexcept {
  if (endless_.load()) {
    endless_.store(false);
    process_mark::looked_at().waiting.fetch_sub(1);
    wait_chain::until_nobody_looks();  // the call may go, then
  }
  // answer_ stays: a look that still finds the old episode must find the old answer too.
  // Relaxed: until it is seen the edge seems to stand, with an episode that is no more.
  waits_for_.store(nullptr, std::memory_order_relaxed);
  episode_.fetch_add(1, std::memory_order_seq_cst);  // this and the next: pairs with is_over()
  while (lookers_.load(std::memory_order_seq_cst) != 0) platform::yield_cpu();
}

/// Has this wait, seen on a walk, ended, or has its answer come? seq_cst and release: pairs with
/// end_wait(). acquire: pairs with is_for().
bool wait_vertex::is_over(const edge& wait) noexcept {
  // While it looks its thread must not be interrupted: the handler might wait for the very loop
  // that waits in end_wait() for this to be over.
  const platform::signals_blocked while_locked;
  lookers_.fetch_add(1, std::memory_order_seq_cst);
  bool over = true;
  if (episode_.load(std::memory_order_seq_cst) == wait.episode) {
    const completion* const answer = answer_.load(std::memory_order_acquire);
    over = answer != nullptr && answer->is_done();
  }
  lookers_.fetch_sub(1, std::memory_order_release);
  return over;
}

/// seq_cst: as the home comment says; pairs with begin_wait() and end_wait().
wait_vertex::edge wait_vertex::look() noexcept {
  const std::uint64_t episode = episode_.load(std::memory_order_seq_cst);
  // acquire: with a new edge comes the new answer_; the old one may be gone.
  wait_vertex* const to = waits_for_.load(std::memory_order_acquire);
  return {this, episode, resolve_proxy(to)};
}

/// The edges from here back to here; 0 where the path ends elsewhere. It looks at its own episode
/// first: of several threads that close a cycle, the one that does so last sees all the others'.
unsigned wait_vertex::walk(edge (&path)[longest_path]) noexcept {
  wait_vertex* at = this;
  for (unsigned length = 0; length < longest_path;) {
    path[length] = at->look();
    at = path[length].to;
    ++length;
    if (at == nullptr) return 0;
    if (at == this) return length;
  }
  return 0;  // caught in a cycle that this thread is not part of, and whose members find it
}

void wait_vertex::check_cycle(std::source_location where) {
  edge once[longest_path];
  edge again[longest_path];
  const unsigned length = walk(once);
  if (length == 0 || walk(again) != length || !std::equal(once, once + length, again)) return;
  for (unsigned i = 1; i < length; ++i) {
    if (once[i].from->is_over(once[i])) return;
  }
  std::string message =
      "loopbridge: this wait would never end, because these loops would wait for "
      "each other: ";
  char name[name_words * 8 + 1];
  for (unsigned i = 0; i < length; ++i) {
    once[i].from->get_name(name);
    message += std::string("'") + name + "' -> ";
  }
  get_name(name);
  throw would_deadlock(message + "'" + name + "'" + submitted_at(where) +
                       "; on a loop thread do not wait: submit(), and go on in a callback");
}

blocking_wait::blocking_wait(const loop_core& target, std::source_location where, how lasts,
                             const completion* answer, call_base* call)
    : lasts_(lasts) {
  if (!target.is_this_process()) throw_error(status::wrong_process, where);
  if (target.on_loop_thread()) {
    throw would_deadlock(std::string("loopbridge: waiting for bridge '") + target.name() +
                         "' on its own loop thread would never end" + submitted_at(where) +
                         "; use post() or submit() there, or call the function directly");
  }
  wait_vertex* const own_vertex = wait_vertex::of_this_thread();
  if (own_vertex == nullptr) return;
  own_vertex->begin_wait(target, answer);
  if (lasts == how::endless) own_vertex->is_endless(call);
  try {
    own_vertex->check_cycle(where);
    if (lasts == how::endless) wait_chain::check(*own_vertex, where);
  } catch (...) {
    own_vertex->end_wait();
    throw;
  }
  waiter_ = own_vertex;
}

void blocking_wait::is_for(const completion& answer, call_base& call) noexcept {
  if (waiter_ == nullptr) return;
  waiter_->is_for(answer);
  if (lasts_ == how::endless) waiter_->is_endless(&call);
}

void blocking_wait::end() noexcept {
  if (waiter_ != nullptr) waiter_->end_wait();
  waiter_ = nullptr;
}

}  // namespace loopbridge::detail
