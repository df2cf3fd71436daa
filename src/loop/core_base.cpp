#include "loopbridge/detail/loop/core_base.hpp"

#include <source_location>
#include <utility>

#include "loop/core.hpp"
#include "loopbridge/detail/call/internal_node.hpp"
#include "loop/wait_graph.hpp"
#include "loopbridge/detail/sync/completion.hpp"
#include "platform/platform.hpp"

// The services of a bridge's core that calls use: each is one of the core's parts'.
namespace loopbridge::detail {
namespace {

core& whole(core_base& base) noexcept {
  return static_cast<core&>(base);
}
const core& whole(const core_base& base) noexcept {
  return static_cast<const core&>(base);
}

}  // namespace

result_base* internal_node::run(core_base& core) noexcept {
  core.counts().internal.add_alone();
  go(core);
  return nullptr;
}

result_base* internal_node::refuse(core_base& core) noexcept {
  core.counts().internal.add_alone();
  core.counts().internal_refused.add_alone();
  end(core);
  return nullptr;
}

core_base::~core_base() {
  if (stand_in_ != nullptr) stand_in_->give_back();
}

void core_base::destroy() noexcept {
  const platform::cancellation_disabled while_closing_descriptors;
  delete &whole(*this);
}

void core_base::ring() noexcept {
  counts_.rings.add();
  // A caller that posts and goes on would have its CPU taken away by a loop that only pauses there.
  if (spinning_ != nullptr) spinning_->waiters.note_cpu();
  whole(*this).doorbell_->ring();
}

bool core_base::on_loop_thread() const noexcept {
  return loop_thread_.load(std::memory_order_relaxed) == platform::this_thread();
}

bool core_base::handler_may_wait() const noexcept {
  return whole(*this).doorbell_->handler_may_wait();
}

bool core_base::wait_for(completion& answer, deadline until, const interruption_flag* by) noexcept {
  if (answer.is_done()) return true;
  counts_.waits_begun.add();
  const bool done = answer.wait(until, process(), by);
  counts_.waits_ended.add();
  return done;
}

void core_base::unhandled(std::exception_ptr error, std::source_location where) noexcept {
  whole(*this).reports_.unhandled(std::move(error), where);
}

void core_base::register_deferred(deferred_base& d) noexcept {
  whole(*this).deferreds_.add(d);
}

void core_base::unregister_later(deferred_base& d) noexcept {
  d.add_ref();  // the inbox's
  // Stopped: deferred_register::end_all() finds it itself.
  if (submit(d.unregistering()) != status::accepted) d.release_ref();
}

bool core_base::try_unregister(deferred_base& d) noexcept {
  const core& self = whole(*this);
  // On a loop of our own nobody else ever holds the drain lock.
  if (!on_loop_thread() || (self.adopted_ && !self.draining_)) return false;
  unregister(d);
  return true;
}

void core_base::unregister(deferred_base& d) noexcept {
  if (on_loop_thread()) whole(*this).deferreds_.remove(d);
}

void core_base::register_firings(reentrant_state& s) noexcept {
  // In a child a thread of the parent's may have held the register's mutex.
  if (is_this_process()) whole(*this).firings_.add(s);
}

void core_base::unregister(reentrant_state& s) noexcept {
  if (is_this_process()) whole(*this).firings_.remove(s);
}

void core_base::note_loop_thread() noexcept {
  wait_vertex* const of_thread = wait_vertex::of_loop_thread(name());
  if (stand_in_ != nullptr) stand_in_->stand_for(of_thread);
  // release: pairs with vertex(). An adopted loop may begin to turn while others use the bridge.
  vertex_.store(stand_in_ != nullptr ? stand_in_ : of_thread, std::memory_order_release);
  loop_thread_.store(platform::this_thread(), std::memory_order_relaxed);
}

void core_base::forget_loop_thread() noexcept {
  vertex_.store(nullptr, std::memory_order_seq_cst);  // pairs with vertex(): see begin_wait()
  if (stand_in_ != nullptr) stand_in_->stand_for(nullptr);
  loop_thread_.store(platform::thread_id{}, std::memory_order_relaxed);
}

void core_base::run_on_any_thread() noexcept {
  stand_in_ = wait_vertex::make_stand_in();
}

}  // namespace loopbridge::detail
