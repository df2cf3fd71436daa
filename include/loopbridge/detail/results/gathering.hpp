#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include "loopbridge/detail/call/call.hpp"
#include "loopbridge/detail/loop/submit.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/results/eventual.hpp"

/// What then(), when_all() and when_any() are made of: calls that wait for others.
///
/// A combination is a call like others. The loop runs its callable, which returns a gathering: a
/// deferred that is settled when the calls that it waits for, its parts, are done. So a stop and a
/// cancel find it as they find every call. One part's end leads to the next call by way of the
/// loop's list, never by nested calls, whatever hangs on what.
namespace loopbridge::detail {

/// An eventual that a combination, in whatever state, owns: its destructor gives it up.
template <class T>
class part {
 public:
  part() noexcept = default;
  part(part&&) noexcept = default;
  ~part() {
    if (e_) call_base::give_up_handle(*eventual_access::release(e_));
  }

  explicit operator bool() const noexcept { return static_cast<bool>(e_); }
  result<T>& state() const { return eventual_access::state(e_); }
  void swap(eventual<T>& other) noexcept { std::swap(e_, other); }
  /// It is the caller's own from here.
  eventual<T> take() noexcept { return std::move(e_); }

 private:
  eventual<T> e_;
};

class round_waiter;
class round;
struct let_go_of {
  void operator()(round* r) const noexcept;
};
/// A waiter's hold.
using round_ptr = std::unique_ptr<round, let_go_of>;

/// A wait for several calls: the first that is done, or all, or the first that fails. In a block of
/// its own, since parts that do not matter any more still look for their slots.
///
/// Held by: its waiter, each part until it has notified this, and the list. In default orders:
/// `left` counts the parts that are not done. `over` is set once, by the thread that decides: it
/// then writes `decided` and hands this to the loop.
class round final : public internal_operation, public ref_counted<round> {
 public:
  enum class ends { one, all_or_failed };

  /// Throws std::bad_alloc.
  static round_ptr make(loop_core& core, std::size_t parts, ends how);
  /// The parts in their order, as many as make() was given.
  void add(call_base& part) noexcept;
  /// Is it over before it began? Else it begins, and notifies `of`, on the loop.
  bool begin(round_waiter& of) noexcept;
  /// The same again, for one part that is another one.
  bool begin_again(call_base& part, round_waiter& of) noexcept;
  /// The part that has ended it, by its number.
  std::size_t decided() const noexcept { return decided_; }
  call_base& decided_part() noexcept;
  /// By the waiter, which is not notified any more.
  void let_go() noexcept;

 private:
  friend class ref_counted<round>;
  struct slot final : completion_callback {
    void notify() noexcept override;
    round* of;
    call_base* part;
  };

  round(loop_core& core, std::size_t parts, ends how) noexcept;
  ~round() = default;
  bool is_over() noexcept;
  void on_done(const slot& s) noexcept;
  void go(loop_core& core) noexcept override;
  void end(loop_core& core) noexcept override;
  void destroy() noexcept;
  slot* slot_array() noexcept { return reinterpret_cast<slot*>(this + 1); }

  const core_ptr core_;
  const std::size_t size_;
  const ends ends_;
  round_waiter* of_ = nullptr;  ///< loop thread; null: it does not wait any more
  std::size_t added_ = 0;
  std::size_t decided_ = 0;
  std::atomic<std::size_t> left_{0};
  std::atomic<bool> over_{false};
};

inline void let_go_of::operator()(round* r) const noexcept {
  r->let_go();
}

/// What waits for a round, and leads to `answer` by that. Loop thread.
class round_waiter {
 public:
  /// By the round: it waits for `part` alone; and it is over.
  void awaits(call_base& part) noexcept { answer_.awaits(part); }
  virtual void go_on() noexcept = 0;

 protected:
  explicit round_waiter(deferred_base& answer) noexcept : answer_(answer) {}
  round_waiter(const round_waiter&) = delete;
  round_waiter& operator=(const round_waiter&) = delete;
  ~round_waiter() = default;

  /// It does not wait any more, and is not notified.
  void let_go() noexcept;

  deferred_base& answer_;
  round_ptr round_;
};

/// A gathering, whatever it gathers.
class gathering_base : public round_waiter {
 public:
  void go_on() noexcept final;

 protected:
  /// What is next: nothing (it was cancelled), to pass the outcome on, or to wait for `part`.
  struct next {
    bool settled;
    call_base* part;
  };

  using round_waiter::round_waiter;
  ~gathering_base() = default;

  virtual next when_over() noexcept = 0;
};

/// Passes on what has ended without having claimed `answer` before. False: that was cancelled
/// meanwhile, so nobody hears of a failure but options::on_unhandled_error.
template <class T>
bool settle_or_report(deferred_state<T>& answer, outcome<T>& result, loop_core& core,
                      std::source_location where) noexcept {
  if (answer.claim_as_resolved()) {
    answer.own_outcome().take_over(std::move(result));
    return true;
  }
  if (auto error = result.error(where); error != nullptr && !is_cancellation_or_stop(error)) {
    core.unhandled(std::move(error), where);
  }
  return false;
}

/// What `Body` gathers: parts, and what is to be made of them.
///
///   round_ptr Body::make_round(core)           with its parts
///   bool Body::takes_failure()                 else the failure of a part passes it by
///   call_base* Body::finish(decided, o, ...)   fills the outcome, or gives a part to wait for yet
///   Body::may_wait_again                       whether that may be
template <class Body, class T = typename Body::type>
class gathering final : public deferred_state<T>, public gathering_base, private cancel_hook {
 public:
  gathering(loop_core& core, std::source_location where, Body&& body)
      : deferred_state<T>(
            core.memory(), in_block<gathering>::block_of(this), in_block<gathering>::size,
            [](deferred_base& d) noexcept { static_cast<gathering&>(d).empty_all(); }),
        gathering_base(static_cast<deferred_base&>(*this)),
        core_(core),
        where_(where),
        body_(std::move(body)) {}

  void start() {
    this->round_ = body_->make_round(core_);
    this->set_cancel_hook(*this);
    if (this->round_->begin(*this)) this->go_on();
  }

 private:
  void operator()() override { give_up(); }
  void destroy() noexcept override {}

  next when_over() noexcept override {
    // Once the function runs it is too late to cancel, unless what it returns may be cancelled.
    if (Body::may_wait_again ? this->is_cancelled() : !this->claim_as_resolved()) {
      return {false, nullptr};
    }
    outcome<T> result;
    if (call_base& part = round_->decided_part(); !part.has_value() && !body_->takes_failure()) {
      result.set(part.error());
    } else if (call_base* const more = body_->finish(round_->decided(), result, core_, where_)) {
      return {false, more};
    }
    give_up();  // what has not ended, and the function: before the answer is announced
    if constexpr (Body::may_wait_again) {
      return {settle_or_report(*this, result, core_, where_), nullptr};
    }
    this->own_outcome().take_over(std::move(result));
    return {true, nullptr};
  }
  void give_up() noexcept {
    this->let_go();
    body_.reset();
  }
  void empty_all() noexcept {
    give_up();
    this->own_outcome().clear();
  }

  loop_core& core_;  ///< held by the call that this answers
  const std::source_location where_;
  std::optional<Body> body_;
};

/// The callable of a combination's call.
template <class Body>
struct combining {
  loop_core& core;
  std::source_location where;
  Body body;

  deferred<typename Body::type> operator()() {
    auto* const g = make_in_block<gathering<Body>>(core.memory(), core, where, std::move(body));
    auto answer = deferred_access::make<typename Body::type>(*g);
    g->start();
    return answer;
  }
};

/// Submits a combination. `swap_parts` gives the body its parts, when nothing but the submission
/// can fail any more, and takes them back if it does.
///
/// Throws bridge_stopped, bridge_full, would_deadlock, wrong_process, std::bad_alloc.
template <class Body, class SwapParts>
auto combine(loop_core& core, std::source_location where, Body&& body, SwapParts swap_parts) {
  using call_type = submitted_call<bound_call<combining<Body>>>;
  auto* const call = make_in_block<call_type>(core.memory(), core, where,
                                              combining<Body>{core, where, std::move(body)});
  Body& in_call = call->callable().function().body;
  swap_parts(in_call);
  try {
    throw_unless_ok(enter(core, *call, {}, where), where);
  } catch (...) {
    swap_parts(in_call);
    call->undo();
    throw;
  }
  return eventual_access::make<typename Body::type>(*call);
}

/// A call without a callable of its own, inside another one: in a block. Loop thread, in an
/// iteration.
template <class T>
class inner_call final : public result<T> {
 public:
  inner_call(loop_core& core, std::source_location where) noexcept : result<T>(core, where) {
    core.add_ref();
  }

  /// Throws std::bad_alloc.
  static inner_call* make(loop_core& core, std::source_location where) {
    return make_in_block<inner_call>(core.memory(), core, where);
  }
  /// Ends as what `bound` gives, which it runs.
  template <class Bound>
  eventual<T> run_now(Bound&& bound) noexcept {
    (void)this->start();
    this->run_callable(bound);
    return begun();
  }
  /// Ends as `answer` does.
  eventual<T> wait_for(deferred<T>&& answer) noexcept {
    (void)this->start();
    this->answered_by(deferred_access::release(answer));
    return begun();
  }

  call_base* run(loop_core&) noexcept override { return nullptr; }
  call_base* refuse(loop_core&) noexcept override { return nullptr; }

 private:
  eventual<T> begun() noexcept {
    eventual<T> handle = eventual_access::make<T>(*this);
    this->finish();
    return handle;
  }
  void discard_callable() noexcept override {}
  void destroy() noexcept override {
    loop_core& core = this->core_;
    destroy_in_block(this, core.memory());
    core.release_ref();
  }
};

}  // namespace loopbridge::detail
