#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

namespace loopbridge::detail {

/// A value to look at, from any thread and any handler. It orders nothing.
template <class T>
class relaxed_value {
 public:
  void set(T value) noexcept { word().store(value, std::memory_order_relaxed); }
  T get() const noexcept { return word().load(std::memory_order_relaxed); }

 protected:
  // A reference, so that looking in adds no step to what the tests of memory orders explore.
  std::atomic_ref<T> word() const noexcept { return std::atomic_ref<T>(value_); }

 private:
  static_assert(std::atomic_ref<T>::is_always_lock_free);
  alignas(std::atomic_ref<T>::required_alignment) mutable T value_{};
};

class counter : public relaxed_value<std::uint64_t> {
 public:
  /// By the only thread that adds at that time: the loop's, or the holder of the drain lock. No
  /// locked instruction.
  void add_alone(std::uint64_t n = 1) noexcept { set(get() + n); }
  void set_if_more(std::uint64_t n) noexcept {
    if (n > get()) set(n);
  }
  /// Any thread.
  void add(std::uint64_t n = 1) noexcept { word().fetch_add(n, std::memory_order_relaxed); }
};

/// What bridge::stats() is made of. Nothing of it is written on the way in, so a submission does
/// not pay for it; the loop adds one to a line of its own for each call, and the other line belongs
/// to what is rare, or comes with a system call.
struct counters {
  // The loop's.
  alignas(64) counter taken;   ///< off the list
  counter ended;               ///< of those, run or else done with
  counter turns;               ///< iterations in which there was something to take
  counter most_taken;          ///< at once
  counter internal;            ///< ended, and the library's own operations
  counter cancelled_in_queue;  ///< ended, and cancelled before
  counter refused_at_end;      ///< ended, and refused because the bridge stopped
  counter internal_refused;    ///< of those, the library's own
  counter sleeps;
  counter longest_turn;  ///< in milliseconds
  counter longest_call;  ///< in nanoseconds, from longest_from
  relaxed_value<std::source_location> longest_from;

  // Of any thread.
  alignas(64) counter rings;
  counter refused;
  counter cancelled;
  counter waits_begun;
  counter waits_ended;
  counter blocks_begun;
  counter blocks_ended;
};

}  // namespace loopbridge::detail
