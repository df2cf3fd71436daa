#pragma once

#include <source_location>
#include <utility>

#include "loopbridge/bridge.hpp"

namespace loopbridge::detail {

template <class Executor, class F>
concept can_post = requires(Executor& e, F f) { e.post(f); };

/// Where something is to run: anything that has post(callable), which must outlive this.
template <class Executor>
class executor_ref {
  static_assert(can_post<Executor, void (*)()>,
                "an executor has post(callable), as a bridge and a thread pool have");

 public:
  explicit executor_ref(Executor& to) noexcept : to_(&to) {}
  template <class F>
  void post(F&& f, std::source_location) const {
    to_->post(std::forward<F>(f));
  }
  /// Has an awaiter go on there. False: post() has thrown.
  template <class Awaiter>
  bool submit(Awaiter& awaiter) const noexcept {
    try {
      to_->post([&awaiter] { awaiter.go_on(); });
      return true;
    } catch (...) {
      return false;
    }
  }

 private:
  Executor* to_;
};

/// A bridge need not: its core refuses when it has stopped, be it destroyed or not.
template <>
class executor_ref<bridge> {
 public:
  explicit executor_ref(bridge& to) : core_(bridge_access::core(to)) {}
  template <class F>
  void post(F&& f, std::source_location where) const {
    const core_ptr core(*core_);  // f may hold this, and be gone before the bell is rung
    post_to(*core, where, std::forward<F>(f));
  }
  /// For what is no call, and goes on in any case: refused when the bridge stops, too. False: it
  /// has stopped.
  bool submit(operation& n) const noexcept { return submit_holder(*core_, n) == status::accepted; }

 private:
  core_ptr core_;
};

}  // namespace loopbridge::detail
