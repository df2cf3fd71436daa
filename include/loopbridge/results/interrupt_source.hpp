#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "loopbridge/detail/sync/interrupt_flag.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge {

/// Ends waits early, from anywhere: what a Ctrl-C handler trips.
///
///   loopbridge::interrupt_source ctrl_c;                       // made before the first signal
///   void on_sigint(int) { ctrl_c.trip(); }
///   ...
///   auto page = bridge.submit(fetch);
///   page.get(ctrl_c);                                      // throws `interrupted`; fetch goes on
///
/// Any number of waits, in any number of threads, may take the same source. It must outlive them. A
/// std::stop_token does the same where no handler is involved: std::stop_source::request_stop()
/// takes a lock, which the interrupted thread may hold.
class interrupt_source {
 public:
  interrupt_source() noexcept = default;
  interrupt_source(const interrupt_source&) = delete;
  interrupt_source& operator=(const interrupt_source&) = delete;

  /// Ends all waits that take this, and those to come, until reset(). Takes no lock and no memory,
  /// never blocks; errno is kept.
  ///
  /// Thread   anywhere, handlers and finalizers too, at any instruction.
  void trip() noexcept { flag_.trip(); }
  /// Later waits are not interrupted any more. Any thread, any handler.
  void reset() noexcept { flag_.reset(); }
  bool is_tripped() const noexcept { return flag_.is_tripped(); }

 private:
  friend class interrupt_token;

  detail::interrupt_flag flag_;
};

/// What a wait may be ended by: an interruption, or a std::stop_token. Made at the call.
class interrupt_token {
 public:
  interrupt_token(const interrupt_source& by) noexcept : by_(by.flag_) {}
  interrupt_token(std::stop_token token)
      : by_(own_), tripper_(std::in_place, std::move(token), own_) {}

  const detail::interrupt_flag& by() const noexcept { return by_; }

 private:
  struct trip {
    explicit trip(detail::interrupt_flag& i) noexcept : to(i) {}
    void operator()() const noexcept { to.trip(); }
    detail::interrupt_flag& to;
  };
  detail::interrupt_flag own_;
  const detail::interrupt_flag& by_;
  std::optional<std::stop_callback<trip>> tripper_;
};

template <class T>
auto eventual<T>::get(const interrupt_token& stop) const& -> view {
  return get_for(detail::for_ever, stop);
}
template <class T>
T eventual<T>::get(const interrupt_token& stop) && {
  return std::move(*this).get_for(detail::for_ever, stop);
}
template <class T>
template <class Rep, class Period>
auto eventual<T>::get_for(std::chrono::duration<Rep, Period> timeout,
                          const interrupt_token& stop) const& -> view {
  state().wait_within(detail::in_nanoseconds(timeout), &stop.by());
  return state().look();
}
template <class T>
template <class Rep, class Period>
T eventual<T>::get_for(std::chrono::duration<Rep, Period> timeout, const interrupt_token& stop) && {
  return std::move(*this).take_within(detail::in_nanoseconds(timeout), &stop.by());
}

}  // namespace loopbridge
