#pragma once

#include <source_location>
#include <utility>

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// A handle for submitting to a bridge, and nothing else: for code that is not to stop it, or that
/// may outlive it. Copies are the same bridge.
///
///   void finish(request r) {              // in a callable, however deep
///     loopbridge::bridge::current().post([r] { clean_up(r); });   // later, on this loop
///   }
///
/// bridge::current() is the bridge whose callable or task runs the calling thread; on the thread of
/// a bridge's own loop it is that bridge at any time, as in callbacks of libuv's. Elsewhere it is
/// empty, as on the threads of queue_work(), and in callbacks of an adopted loop. Any ordinary
/// thread; it never blocks.
///
/// Thread   any ordinary thread, the loop's too; one at a time.
/// After the end   it outlives the bridge: its functions refuse then, with `bridge_stopped`. An
///          empty one (default-constructed) refuses with `no_state` or status::bridge_stopped.
class bridge_ref {
 public:
  bridge_ref() noexcept = default;
  /// Throws   `no_state` for a bridge that was moved from.
  explicit bridge_ref(const bridge& b) : core_(detail::bridge_access::core(b)) {}
  bridge_ref(const bridge_ref& other) noexcept
      : core_(other.core_ ? detail::core_ptr(*other.core_) : detail::core_ptr()) {}
  bridge_ref(bridge_ref&&) noexcept = default;
  bridge_ref& operator=(bridge_ref other) noexcept {
    core_ = std::move(other.core_);
    return *this;
  }
  ~bridge_ref() = default;

  /// Is there a bridge? It may have stopped.
  explicit operator bool() const noexcept { return static_cast<bool>(core_); }

  /// As the bridge's functions of these names.
  template <class F>
  void post(F&& f, std::source_location where = std::source_location::current()) const {
    detail::post_to(core(), where, std::forward<F>(f));
  }
  template <class F>
  status try_post(F&& f,
                  std::source_location where = std::source_location::current()) const noexcept {
    if (!core_) return status::bridge_stopped;
    return detail::try_post_to(*core_, where, std::forward<F>(f));
  }
  template <class F>
  eventual<call_result_t<F>> submit(
      F&& f, std::source_location where = std::source_location::current()) const {
    return detail::submit_to(core(), {}, where, std::forward<F>(f));
  }
  template <class F>
  submission<call_result_t<F>> try_submit(
      F&& f, std::source_location where = std::source_location::current()) const noexcept {
    if (!core_) return {status::bridge_stopped, where};
    return detail::try_submit_to(*core_, where, std::forward<F>(f));
  }

 private:
  friend class bridge;
  friend struct detail::bridge_access;
  explicit bridge_ref(detail::core_ptr core) noexcept : core_(std::move(core)) {}

  detail::loop_core& core() const {
    if (!core_) {
      detail::throw_no_state(
          "this bridge_ref is empty: bridge::current() was called off every loop, or it was moved "
          "from");
    }
    return *core_;
  }

  detail::core_ptr core_;
};

inline detail::loop_core& detail::bridge_access::core(const bridge_ref& b) {
  return b.core();
}

}  // namespace loopbridge
