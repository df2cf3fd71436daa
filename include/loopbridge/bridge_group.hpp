#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// Several bridges, one loop in a thread of its own each, for work that one thread cannot do: a
/// container, on whose bridges all of bridge's functions are called.
///
///   group.next().post(f);              // one loop after the other
///   group.by_key(account).submit(f);   // always the same one for this account
///   for (bridge& b : group) b.call(f);
///
/// Order holds within a loop only: of two calls on different loops either may run first, or both at
/// once. Calls that must stay in order, or that use the same libuv handle or the same data, belong
/// on one loop: see by_key(). On a thread of one of the loops submit, and do not wait: next() may
/// be that very loop, and a loop that waits for its neighbour is soon waited for in turn; both
/// throw `would_deadlock`.
///
/// All of it but the constructor, the destructor and stop() may be called anywhere: threads,
/// handlers and finalizers, at any instruction. A group must outlive every call of its functions.
class bridge_group {
 public:
  /// Starts `loops` bridges (0: as many as the process may use CPUs), each with the options `each`;
  /// their names get a number. If one cannot start, those before it are stopped and joined, and
  /// what its constructor threw is thrown.
  explicit bridge_group(std::size_t loops = 0, options each = {});

  /// All loops are told to stop, then each bridge is destroyed, as ~bridge says.
  ~bridge_group();
  bridge_group(const bridge_group&) = delete;
  bridge_group& operator=(const bridge_group&) = delete;

  std::size_t size() const noexcept { return bridges_.size(); }
  /// The n-th, n < size().
  bridge& operator[](std::size_t n) noexcept { return bridges_[n]; }
  bridge* begin() noexcept { return bridges_.data(); }
  bridge* end() noexcept { return bridges_.data() + bridges_.size(); }

  /// Each in turn. All callers share one counter: where many threads submit by the million, let
  /// each keep one bridge instead, by_key(std::this_thread::get_id()).
  bridge& next() noexcept {
    return bridges_[turn_.fetch_add(1, std::memory_order_relaxed) % size()];
  }

  /// The same one for the same key, by std::hash, as long as the group lives.
  template <class Key>
  bridge& by_key(const Key& key) {
    return of_hash(std::hash<Key>{}(key));
  }

  /// Tells all loops to stop, and only then waits for each to end. If that throws for one (as
  /// bridge::stop does), the others are waited for nevertheless, and the first exception is thrown.
  /// On a thread of one of the group's loops it waits for none: all end by themselves. What runs
  /// while they do finds every loop of the group refusing. Any ordinary thread; in a handler, and
  /// elsewhere to begin it without waiting, call stop_reentrant() on each bridge.
  void stop();

 private:
  bridge& of_hash(std::size_t hash) noexcept;

  std::vector<bridge> bridges_;
  /// Which one's turn it is. Relaxed: it orders nothing. The callers of one counter slow each other
  /// down, not those who read what is around it.
  alignas(64) std::atomic<std::size_t> turn_{0};
};

}  // namespace loopbridge
