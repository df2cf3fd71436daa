#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge {

/// Several bridges, each with a loop in a thread of its own, for work that one thread cannot do. It
/// is a container; all of bridge's functions are called on its bridges.
///
///   group.next().post(f);              // one loop after the other
///   group.by_key(account).submit(f);   // always the same one for this account
///   for (bridge& b : group) b.call(f);
///
/// Order    holds within a loop only. Of two calls on different loops either may run first, or both
///          at once. Calls that must stay in order, or that use the same libuv handle or the same
///          data, belong on one loop: see by_key().
///
/// On a thread of one of the loops submit, and do not wait. next() may be that very loop, and a
/// loop that waits for its neighbour may itself soon be waited for. Both throw `would_deadlock`.
///
/// All of it but the constructor, the destructor and stop() may be called anywhere: threads,
/// handlers and finalizers, at any instruction. Destroy a group only after every member call has
/// returned.
class bridge_group {
 public:
  /// Starts `loops` bridges (0: as many as the process may use CPUs), each with the options `each`;
  /// their names get a number.
  ///
  /// Throws   what the constructor of a bridge threw: std::system_error, std::bad_alloc,
  ///          std::invalid_argument, what options::on_thread_start throws. The bridges before it
  ///          are stopped and joined then.
  explicit bridge_group(std::size_t loops = 0, options each = {});

  /// Tells all loops to stop, then destroys each bridge, as ~bridge says.
  ~bridge_group();
  bridge_group(const bridge_group&) = delete;
  bridge_group& operator=(const bridge_group&) = delete;

  std::size_t size() const noexcept { return bridges_.size(); }
  /// The n-th, n < size().
  bridge& operator[](std::size_t n) noexcept { return bridges_[n]; }
  bridge* begin() noexcept { return bridges_.data(); }
  bridge* end() noexcept { return bridges_.data() + bridges_.size(); }

  /// One bridge after the other. All callers share one counter: where many threads submit by the
  /// million, let each keep one bridge instead, by_key(std::this_thread::get_id()).
  bridge& next() noexcept {
    return bridges_[turn_.fetch_add(1, std::memory_order_relaxed) % size()];
  }

  /// The same bridge for the same key, by std::hash, as long as the group lives.
  template <class Key>
  bridge& by_key(const Key& key) {
    return of_hash(std::hash<Key>{}(key));
  }

  /// Tells all loops to stop, and only then waits for each to end. What runs while they do finds
  /// every loop of the group refusing.
  ///
  /// Thread   any ordinary thread. In a handler, and elsewhere to begin it without waiting, call
  ///          stop_reentrant() on each bridge.
  /// Blocks   until all loops have ended. On a thread of one of the group's loops it waits for
  ///          none: all end by themselves.
  /// Throws   `would_deadlock`, `wrong_process`, where one bridge's stop() does. The others are
  ///          waited for nevertheless; the first exception is thrown.
  void stop();

 private:
  bridge& of_hash(std::size_t hash) noexcept;

  std::vector<bridge> bridges_;
  /// Which bridge is next. Relaxed: it orders nothing. The callers that share this counter slow
  /// each other down, but not the readers of what is around it.
  alignas(64) std::atomic<std::size_t> turn_{0};
};

}  // namespace loopbridge
