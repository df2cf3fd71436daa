#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <loopbridge/status.hpp>

namespace tour {

using clock = std::chrono::steady_clock;

/// How long things took, within 6 %. Fixed in size and without locks: handlers add to it.
class histogram {
 public:
  void add(std::chrono::nanoseconds time) noexcept {
    counts_[bucket_of(time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count()))].fetch_add(
        1, std::memory_order_relaxed);
  }

  /// The time that `share` (0 to 1) of all were done in; negative if there were none.
  std::chrono::nanoseconds percentile(double share) const noexcept {
    std::uint64_t all = 0;
    for (const auto& count : counts_) all += count.load(std::memory_order_relaxed);
    if (all == 0) return std::chrono::nanoseconds(-1);
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(all));
    std::uint64_t passed = 0;
    std::size_t b = 0;
    while ((passed += counts_[b].load(std::memory_order_relaxed)) <= wanted && passed < all) ++b;
    return std::chrono::nanoseconds(middle_of(b));
  }

 private:
  // Sixteen steps to each power of two. Below 32 a value is its own bucket.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    const int shift = value < 32 ? 0 : std::bit_width(value) - 5;
    return static_cast<std::size_t>(shift) * 16 + static_cast<std::size_t>(value >> shift);
  }
  static std::int64_t middle_of(std::size_t bucket) noexcept {
    if (bucket < 32) return static_cast<std::int64_t>(bucket);
    const std::size_t shift = bucket / 16 - 1;
    const std::int64_t step = std::int64_t{1} << shift;
    return static_cast<std::int64_t>(bucket - shift * 16) * step + step / 2;
  }

  std::array<std::atomic<std::uint64_t>, 1024> counts_{};
};

/// The books of one kind of submission, kept twice: by those who submit, from what they were told,
/// and on the loop, from what ran there. After the bridges have stopped the two must agree.
class tally {
 public:
  explicit tally(const char* who) noexcept : who_(who) {}

  // Those who submit. In handlers too: only atomics, and all of them relaxed, since they are
  // compared after everything has been joined.
  void submitted(loopbridge::status s) noexcept {
    switch (s) {
      case loopbridge::status::timed_out:
        add(timed_out_);
        [[fallthrough]];  // accepted, and it still runs
      case loopbridge::status::accepted:
      case loopbridge::status::answered:
        add(accepted_);
        break;
      default:
        add(refused_);
    }
  }
  /// One that was accepted ended as `cancelled`: it will not run.
  void was_cancelled() noexcept { add(cancelled_); }
  /// One that was accepted was cancelled because its time was up, wherever it was then.
  void was_given_up() noexcept { add(given_up_); }
  void took(clock::duration time) noexcept { times_.add(time); }

  // The loop.
  void ran(std::uint64_t times = 1) noexcept { ran_.fetch_add(times, std::memory_order_relaxed); }

  const char* who() const noexcept { return who_; }
  std::uint64_t submitted() const noexcept { return accepted() + refused(); }
  std::uint64_t accepted() const noexcept { return get(accepted_); }
  std::uint64_t answered() const noexcept { return get(ran_) + get(cancelled_); }
  std::uint64_t timed_out() const noexcept { return get(timed_out_); }
  std::uint64_t refused() const noexcept { return get(refused_); }
  /// Accepted, but neither run nor cancelled. What was given up may have run or not.
  std::uint64_t lost() const noexcept {
    const std::uint64_t accounted_for = answered() + get(given_up_);
    return accounted_for < accepted() ? accepted() - accounted_for : 0;
  }
  /// Run though never accepted, or twice.
  std::uint64_t too_many() const noexcept {
    return answered() > accepted() ? answered() - accepted() : 0;
  }
  const histogram& times() const noexcept { return times_; }

 private:
  using counter = std::atomic<std::uint64_t>;
  static void add(counter& c) noexcept { c.fetch_add(1, std::memory_order_relaxed); }
  static std::uint64_t get(const counter& c) noexcept { return c.load(std::memory_order_relaxed); }

  const char* const who_;
  counter accepted_{0}, refused_{0}, timed_out_{0}, cancelled_{0}, given_up_{0};
  alignas(64) counter ran_{0};
  histogram times_;
};

/// One for each kind of submission in the tour.
struct tallies {
  tally progress{"main: progress (call_for)"};
  tally connect{"workers: connect (call_for)"};
  tally write{"workers: write (call_for)"};
  tally read{"workers: read (call_for)"};
  tally file{"workers: uv_fs (call_for)"};
  tally submit{"workers: post, submit"};
  tally fired{"handlers: prepaid"};
  tally awaited{"handlers: awaited"};
  tally posted{"handlers: post_reentrant"};
  tally in_handler{"finalizers: in handlers"};
  tally unwinding{"finalizers: unwinding"};
  tally erased{"finalizers: containers"};
  tally captured{"finalizers: callables"};
  tally comparing{"finalizers: comparing"};
  tally on_loop{"finalizers: on the loop"};
  tally closing{"finalizers: connections"};

  std::array<const tally*, 16> all() const noexcept {
    return {&progress, &connect, &write,      &read,      &file,   &submit,   &fired,     &awaited,
            &posted,   &closing, &in_handler, &unwinding, &erased, &captured, &comparing, &on_loop};
  }
};

}  // namespace tour
