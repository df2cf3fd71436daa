#include "loopbridge/detail/loop/loop_core.hpp"

#include <source_location>
#include <utility>

#include "loop/core.hpp"
#include "loop/wait_graph.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "platform/platform.hpp"
#include "sync/intrusive_list.hpp"

// The services of a bridge's core that calls use. Each belongs to one of the core's parts.
namespace loopbridge::detail {
namespace {

core& whole(loop_core& base) noexcept {
  return static_cast<core&>(base);
}
const core& whole(const loop_core& base) noexcept {
  return static_cast<const core&>(base);
}

}  // namespace

loop_core::~loop_core() {
  if (proxy_ != nullptr) proxy_->give_back();
}

void loop_core::destroy() noexcept {
  const platform::cancellation_disabled while_closing_descriptors;
  delete &whole(*this);
}

status loop_core::submit_specially(operation& n, const submit_options& how,
                                   std::source_location where) {
  core& self = whole(*this);
  if (is_closed_to_caller())
    return is_this_process() ? status::bridge_stopped : status::wrong_process;
  const status s = self.gate_ ? self.submit_if_room(n, how, where) : submit(n);
  if (s == status::accepted && self.adopted_) self.keep_alive_from_inside();
  return s;
}

void loop_core::ring() noexcept {
  counts_.rings.add();
  // A caller that posts and goes on would have its CPU taken away by a loop that only pauses there.
  if (spinning_ != nullptr) spinning_->waiters.note_cpu();
  whole(*this).doorbell_->ring();
}

bool loop_core::on_loop_thread() const noexcept {
  return loop_thread_.load(std::memory_order_relaxed) == platform::this_thread();
}

bool loop_core::handler_may_wait() const noexcept {
  return whole(*this).doorbell_->handler_may_wait();
}

bool loop_core::wait_for(completion& answer, deadline until, const interrupt_flag* by) noexcept {
  if (answer.is_done()) return true;
  counts_.waits_begun.add();
  const bool done = answer.wait(until, process(), by);
  counts_.waits_ended.add();
  return done;
}

void loop_core::unhandled(std::exception_ptr error, std::source_location where) noexcept {
  whole(*this).reports_.unhandled(std::move(error), where);
}

void loop_core::register_deferred(deferred_base& d) noexcept {
  whole(*this).deferreds_.add(d);
}

void loop_core::unregister_later(deferred_base& d) noexcept {
  d.add_ref();  // the inbox's
  // Stopped: deferred_register::end_all() finds it itself.
  if (submit(d.unregistering()) != status::accepted) d.release_ref();
}

bool loop_core::try_unregister(deferred_base& d) noexcept {
  const core& self = whole(*this);
  // On a loop of our own nobody else ever holds the drain lock.
  if (!on_loop_thread() || (self.adopted_ && !self.draining_)) return false;
  unregister(d);
  return true;
}

void loop_core::unregister(deferred_base& d) noexcept {
  if (on_loop_thread()) whole(*this).deferreds_.remove(d);
}

void loop_core::add(end_hook& h) noexcept {
  link_first(whole(*this).end_hooks_, h);
  h.in_list = true;
}

void loop_core::remove(end_hook& h) noexcept {
  if (std::exchange(h.in_list, false)) unlink(whole(*this).end_hooks_, h);
}

void loop_core::register_firings(reentrant_state& s) noexcept {
  // In a child a thread of the parent's may have held the register's mutex.
  if (is_this_process()) whole(*this).firings_.add(s);
}

void loop_core::unregister(reentrant_state& s) noexcept {
  if (is_this_process()) whole(*this).firings_.remove(s);
}

void loop_core::register_owned(owned_object& o) noexcept {
  whole(*this).stops_.add(o);
}

void loop_core::unregister(owned_object& o) noexcept {
  whole(*this).stops_.remove(o);
}

void loop_core::expect_loop_thread() noexcept {
  vertex_.store(wait_vertex::of_thread_to_come(name()),
                std::memory_order_relaxed);  // not shared yet
}

void loop_core::expect_no_thread() noexcept {
  if (wait_vertex* const v = vertex_.exchange(nullptr, std::memory_order_relaxed)) v->give_back();
}

void loop_core::note_loop_thread() noexcept {
  wait_vertex* const of_thread = wait_vertex::of_loop_thread(name());
  if (proxy_ != nullptr) proxy_->lead_to(of_thread);
  // release: pairs with vertex(). An adopted loop may begin to turn while others use the bridge.
  vertex_.store(proxy_ != nullptr ? proxy_ : of_thread, std::memory_order_release);
  loop_thread_.store(platform::this_thread(), std::memory_order_relaxed);
}

void loop_core::forget_loop_thread() noexcept {
  vertex_.store(nullptr, std::memory_order_seq_cst);  // pairs with vertex(): see begin_wait()
  if (proxy_ != nullptr) proxy_->lead_to(nullptr);
  loop_thread_.store(platform::thread_id{}, std::memory_order_relaxed);
}

void loop_core::run_on_any_thread() noexcept {
  proxy_ = wait_vertex::make_proxy();
}

}  // namespace loopbridge::detail
