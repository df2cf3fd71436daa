#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// Which loop of a group takes the next call.
enum class choice {
  round_robin,   ///< one after the other
  least_queued,  ///< the one that seems to have the least to do
};

/// Several bridges, one loop in a thread of its own each, for work that one thread cannot do.
///
/// A group hands out its bridges: next(), least_queued() and by_key() choose one, and all of
/// bridge's functions may be called on it. The group's own functions of the same names do that in
/// one step, by the choice named at construction; what bridge.hpp says of them holds here too.
///
/// Order holds within a loop only: of two calls that the group sends to different loops either may
/// run first, or both at once. Calls that must stay in order, or that use the same libuv handle or
/// the same data, belong on one loop: by_key() finds the same one for the same key every time.
///
/// What may be called where: post, try_post, submit and try_submit, and the functions that choose,
/// from any ordinary thread, the loops' too; call and call_for from any but the group's own loops',
/// wherever the choice would fall, since a loop that waits for its neighbour is soon waited for in
/// turn. post_reentrant, stop_reentrant, next, least_queued and by_key, if hashing the key is, are
/// for handlers and finalizers too. A group must outlive every call of its functions.
class bridge_group {
 public:
  /// Starts `loops` bridges (0: as many as the process may use CPUs), each with the options `each`;
  /// their names get a number. If one cannot start, those before it are stopped and joined, and
  /// what its constructor threw is thrown.
  explicit bridge_group(std::size_t loops = 0, options each = {}, choice by = choice::round_robin);

  /// All loops are told to stop, then each bridge is destroyed, as ~bridge says.
  ~bridge_group();
  bridge_group(const bridge_group&) = delete;
  bridge_group& operator=(const bridge_group&) = delete;

  std::size_t size() const noexcept;
  /// The n-th, n < size().
  bridge& operator[](std::size_t n) noexcept;

  /// Each in turn. All callers share one counter: where many threads submit by the million, let
  /// each keep one bridge instead, by_key(std::this_thread::get_id()).
  bridge& next() noexcept;

  /// One that sleeps, if any; else the one with the fewest calls outstanding, by an estimate: a
  /// bridge handed out here counts as one call, until the loop has run what was queued then. Calls
  /// that reach a loop by other ways count as far as they keep it from that.
  bridge& least_queued() noexcept;

  /// The same one for the same key, by std::hash, as long as the group lives.
  template <class Key>
  bridge& by_key(const Key& key) {
    return of_hash(std::hash<Key>{}(key));
  }

  template <class F>
  void post(F&& f, place where = place::current()) {
    choose().post(std::forward<F>(f), where);
  }

  template <class F>
  status try_post(F&& f, place where = place::current()) noexcept {
    return choose().try_post(std::forward<F>(f), where);
  }
  template <class F>
  auto try_submit(F&& f, place where = place::current()) noexcept {
    return choose().try_submit(std::forward<F>(f), where);
  }

  template <class F>
  auto submit(F&& f, place where = place::current()) {
    return choose().submit(std::forward<F>(f), where);
  }

  template <class F>
  auto call(F&& f, place where = place::current()) {
    return choose_to_wait(where).call(std::forward<F>(f), where);
  }

  template <class Rep, class Period, class F>
  auto call_for(std::chrono::duration<Rep, Period> timeout, F&& f, place where = place::current()) {
    return choose_to_wait(where).call_for(timeout, std::forward<F>(f), where);
  }

  template <class F, class Value>
  status post_reentrant(F f, Value value, place where = place::current()) noexcept {
    return choose().post_reentrant(f, value, where);
  }
  template <class F>
  status post_reentrant(F f, place where = place::current()) noexcept {
    return choose().post_reentrant(f, where);
  }

  // As in bridge: wrong, and says so.
  template <class F, class... More>
  void post(F&&, detail::no_place, More&&...) {}
  template <class F, class... More>
  void submit(F&&, detail::no_place, More&&...) {}
  template <class F, class... More>
  void call(F&&, detail::no_place, More&&...) {}
  template <class... More>
  void call_for(detail::no_duration, More&&...) {}

  /// Tells all loops to stop, and only then waits for each to end. If that throws for one (as
  /// bridge::stop does), the others are waited for nevertheless, and the first exception is thrown.
  /// On a thread of one of the group's loops it waits for none: all end by themselves. What runs
  /// while they do finds every loop of the group refusing.
  void stop();

  /// The part of stop() that a handler may do: bridge::stop_reentrant on each.
  void stop_reentrant() noexcept;

  /// Have all been stopped, or are they stopping? Any thread, any handler.
  bool stopped() const noexcept;

  /// Is the caller on the thread of one of the loops? Any thread, any handler.
  bool on_loop_thread() const noexcept;

 private:
  struct member;

  bridge& of_hash(std::size_t hash) noexcept;
  bridge& choose() noexcept;
  bridge& choose_to_wait(place where);

  std::vector<member> members_;
  const choice by_;
  /// Which one's turn it is. The callers of one counter slow each other down, not those who read
  /// what is around it.
  alignas(64) std::atomic<std::size_t> turn_{0};
};

}  // namespace loopbridge
