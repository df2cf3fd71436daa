#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "loopbridge/detail/sync/interruption_flag.hpp"

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
  void trip() noexcept { flag_.trip(); }
  /// Later waits are not interrupted any more. Any thread, any handler.
  void reset() noexcept { flag_.reset(); }
  bool is_tripped() const noexcept { return flag_.is_tripped(); }

 private:
  friend class interrupter;

  detail::interruption_flag flag_;
};

/// What a wait may be ended by: an interruption, or a std::stop_token. Made at the call.
class interrupter {
 public:
  interrupter(const interruption& by) noexcept : by_(by.flag_) {}
  interrupter(std::stop_token token) : by_(own_), tripper_(std::in_place, std::move(token), own_) {}

  const detail::interruption_flag& by() const noexcept { return by_; }

 private:
  struct trip {
    explicit trip(detail::interruption_flag& i) noexcept : to(i) {}
    void operator()() const noexcept { to.trip(); }
    detail::interruption_flag& to;
  };
  detail::interruption_flag own_;
  const detail::interruption_flag& by_;
  std::optional<std::stop_callback<trip>> tripper_;
};

}  // namespace loopbridge
