#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

namespace loopbridge {

/// Ends waits early, from anywhere: what a Ctrl-C handler trips.
///
///   loopbridge::interruption ctrl_c;                       // made before the first signal
///   void on_sigint(int) { ctrl_c.trip(); }
///   ...
///   auto page = bridge.submit(fetch);
///   page.get(ctrl_c);                                      // throws `interrupted`; fetch goes on
///
/// Any number of waits, in any number of threads, may take the same one; it must outlive them. A
/// std::stop_token does the same where no handler is involved: std::stop_source::request_stop()
/// takes a lock, which the interrupted thread may hold.
class interruption {
 public:
  interruption() noexcept = default;
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  /// Ends all waits that take this, and those to come, until reset(). Never blocks, allocates or
  /// takes a lock: anywhere, handlers and finalizers too, at any instruction; errno is kept.
  void trip() noexcept;
  /// Later waits are not interrupted any more. Any thread, any handler.
  void reset() noexcept { tripped_.store(false); }
  bool is_tripped() const noexcept { return tripped_.load(); }

  /// For who is about to sleep on the parking lot with that number, before it looks at that and at
  /// is_tripped(): from now on trip() wakes there. Any thread.
  void sleeps_in(std::size_t lot) const noexcept {
    lots_[lot / 64].fetch_or(std::uint64_t{1} << lot % 64);
  }

 private:
  /// Home of both, in default orders. `tripped_` is set before `lots_` is read by who trips; a bit
  /// of `lots_` is set, for good, before `tripped_` is read by who waits: one of them sees.
  std::atomic<bool> tripped_{false};
  mutable std::array<std::atomic<std::uint64_t>, 8> lots_{};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

/// What a wait may be ended by: an interruption, or a std::stop_token. Made at the call.
class interrupter {
 public:
  interrupter(const interruption& by) noexcept : by_(by) {}
  interrupter(std::stop_token token) : by_(own_), tripper_(std::in_place, std::move(token), own_) {}

  const interruption& by() const noexcept { return by_; }

 private:
  struct trip {
    explicit trip(interruption& i) noexcept : to(i) {}
    void operator()() const noexcept { to.trip(); }
    interruption& to;
  };
  interruption own_;
  const interruption& by_;
  std::optional<std::stop_callback<trip>> tripper_;
};

}  // namespace loopbridge
