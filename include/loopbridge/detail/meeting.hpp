#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "loopbridge/detail/eventual_awaiter.hpp"
#include "loopbridge/detail/task_scope.hpp"
#include "loopbridge/eventual.hpp"

namespace loopbridge::detail {

/// co_await of several calls at once, in a task. Gives the place of the one that ended it (the
/// first that failed, or for `one` the first that is done); those that are not done by then, or
/// when the task is cancelled, are cancelled.
class meeting final : public task_awaiter {
 public:
  enum class ends { one, all_or_failed };

  template <class... Ts>
  explicit meeting(ends how, const eventual<Ts>&... all) : how_(how), calls_{member(all)...} {}
  template <class T>
  meeting(ends how, const std::vector<eventual<T>>& all) : how_(how) {
    calls_.reserve(all.size());
    for (const auto& e : all) calls_.push_back(member(e));
  }

  bool await_ready() {
    given_up_ = scope().is_cancelled();
    return given_up_;
  }
  void await_suspend(std::coroutine_handle<> task) {
    watch_ = std::make_shared<watch>(*this, calls_, how_);
    const std::shared_ptr<watch> w = watch_;  // this may be gone before the last of them watches
    for (auto& seat : w->seats) seat.at = w;
    suspended(task);
    for (auto& seat : w->seats) seat.of.state->watch(seat);
  }
  std::size_t await_resume() {
    const bool failed = !given_up_ && watch_->failed;
    if (given_up_ || failed || how_ == ends::one) {
      for (const member& m : calls_) m.give_up(*m.state);
    }
    if (given_up_) scope().throw_if_cancelled();
    const member& decided = calls_[watch_->decided];
    if (failed) decided.rethrow(*decided.state);
    return watch_->decided;
  }
  void cancel() noexcept override {
    given_up_ = true;
    watch_->awaiter = nullptr;
    resume();
  }

 private:
  /// One of them, whatever its type.
  struct member {
    template <class T>
    explicit member(const eventual<T>& e)
        : state(&eventual_access::state(e)),
          has_failed([](result_base& r) { return !static_cast<result<T>&>(r).has_value(); }),
          rethrow([](result_base& r) { static_cast<result<T>&>(r).look(); }),
          give_up([](result_base& r) noexcept { static_cast<result<T>&>(r).give_up(); }) {}
    result_base* state;
    bool (*has_failed)(result_base&);
    void (*rethrow)(result_base&);
    void (*give_up)(result_base&) noexcept;
  };

  /// What the calls and the list hold, and the task while it waits. Default orders: `left` counts
  /// those that are not done; `over` is set once, by who decides, who then writes what follows.
  struct watch final : node, std::enable_shared_from_this<watch> {
    struct seat final : watcher {
      seat(const member& m, std::size_t p) : of(m), place(p) {}
      void notify() noexcept override {
        const std::shared_ptr<watch> hold = std::move(at);
        hold->came(*this);
      }
      const member of;
      const std::size_t place;
      std::shared_ptr<watch> at;
    };

    watch(meeting& m, const std::vector<member>& calls, ends how)
        : core(m.scope().core()), awaiter(&m), ends_with(how), left(calls.size()) {
      seats.reserve(calls.size());
      for (const member& c : calls) seats.emplace_back(c, seats.size());
    }

    void came(const seat& s) noexcept {
      const bool has_failed = ends_with == ends::all_or_failed && s.of.has_failed(*s.of.state);
      const bool is_last = left.fetch_sub(1) == 1;
      if (!is_last && !has_failed && ends_with != ends::one) return;
      if (over.exchange(true)) return;
      decided = s.place;
      failed = has_failed;
      queued = shared_from_this();
      // Refused: the bridge stops, and cancels the task.
      if (core->submit(*this) != status::accepted) queued.reset();
    }
    void run(core_base& c) noexcept override {
      c.counts().not_calls.add_alone();
      const std::shared_ptr<watch> hold = std::move(queued);
      if (meeting* const m = std::exchange(awaiter, nullptr); m != nullptr) m->resume();
    }
    void refuse(core_base&) noexcept override { const auto hold = std::move(queued); }
    bool is_call() const noexcept override { return false; }

    const core_ptr core;
    meeting* awaiter;  ///< loop thread; null: it has gone on
    const ends ends_with;
    std::atomic<std::size_t> left;
    std::atomic<bool> over{false};
    std::size_t decided = 0;
    bool failed = false;
    std::shared_ptr<watch> queued;  ///< the list's hold
    std::vector<seat> seats;
  };

  const ends how_;
  std::vector<member> calls_;
  std::shared_ptr<watch> watch_;
  bool given_up_ = false;
};

}  // namespace loopbridge::detail
