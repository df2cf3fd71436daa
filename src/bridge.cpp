#include "loopbridge/bridge.hpp"

#include <utility>

#include "loop/core.hpp"
#include "loop/in_callable.hpp"
#include "loop/stop_at_thread_end.hpp"
#include "loopbridge/bridge_ref.hpp"
#include "loopbridge/draining.hpp"
#include "loopbridge/options.hpp"
#include "loopbridge/stats.hpp"

namespace loopbridge {
namespace {

detail::core& whole(detail::loop_core& base) noexcept {
  return static_cast<detail::core&>(base);
}

}  // namespace

void detail::stop_when_idle(loop_core& of) {
  whole(of).stop_when_idle();
}

bool detail::stop_within(loop_core& of, std::chrono::nanoseconds time) {
  return whole(of).stop_within(time);
}

bridge::bridge() : bridge(options()) {}

bridge::bridge(options opts) {
  const bool ends_with_thread = opts.stop_at_thread_end;
  if (ends_with_thread) detail::reserve_stop_at_thread_end();
  core_ = detail::core::start(std::move(opts));
  if (ends_with_thread) detail::stop_at_thread_end(*core_);
}

bridge bridge::adopt(uv_loop_s* loop) {
  return adopt(loop, options());
}

bridge bridge::adopt(uv_loop_s* loop, options opts) {
  const bool ends_with_thread = opts.stop_at_thread_end;
  if (ends_with_thread) detail::reserve_stop_at_thread_end();
  bridge made(detail::core::adopt(loop, std::move(opts)));
  if (ends_with_thread) detail::stop_at_thread_end(*made.core_);
  return made;
}

bridge::~bridge() {
  if (core_) whole(*core_).end();
}

bridge& bridge::operator=(bridge&& other) noexcept {
  bridge ended(std::move(*this));
  core_ = std::move(other.core_);
  return *this;
}

void bridge::stop() {
  whole(core()).stop();
}

void bridge::stop_reentrant() noexcept {
  if (core_) whole(*core_).stop_reentrant();
}

statistics bridge::stats() const {
  return whole(core()).stats();
}

bool bridge::stop_requested() const noexcept {
  return !core_ || core_->is_closed() || core_->is_to_stop();
}

bridge_ref bridge::current() noexcept {
  return bridge_ref(detail::in_callable::core_of_caller());
}

bool bridge::on_loop_thread() const noexcept {
  return core_ && core_->on_loop_thread();
}

}  // namespace loopbridge
