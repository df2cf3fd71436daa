#pragma once

#include <memory>

#include "loopbridge/results/eventual.hpp"

namespace loopbridge {
namespace detail {

/// The descriptor of a ready_descriptor, which the call that is watched holds, too.
class descriptor_signal;
struct release_signal {
  void operator()(descriptor_signal* bell) const noexcept;
};
using signal_ptr = std::unique_ptr<descriptor_signal, release_signal>;
signal_ptr ring_when_done(call_base& call);
int descriptor_of(const descriptor_signal& bell) noexcept;

}  // namespace detail

/// A file descriptor that becomes readable when a result is there, for loops that are not libuv's:
/// QSocketNotifier, g_unix_fd_add(), epoll, poll().
///
/// Made, asked, moved and destroyed by any ordinary thread, one at a time; nothing of it blocks. It
/// stays readable for good once the result is there, so nobody has to read from it, and a loop that
/// polls by level takes it out (or destroys this) when it has seen it. However the call ends
/// counts: value, failure, cancelled, bridge stopped. It does not own the eventual, and keeps
/// nothing of it waiting: that may be read, moved or dropped first.
///
///     loopbridge::ready_descriptor ready(answer);
///     auto* notifier = new QSocketNotifier(ready.fd(), QSocketNotifier::Read);
///     connect(notifier, &QSocketNotifier::activated, [&] { show(answer.get()); });
class ready_descriptor {
 public:
  /// Throws `no_state` if `e` is empty, and `std::system_error` if there is no descriptor left: an
  /// eventfd on Linux, both ends of a pipe elsewhere.
  template <class T>
  explicit ready_descriptor(const eventual<T>& e)
      : bell_(detail::ring_when_done(detail::eventual_access::state(e))) {}

  /// Readable once the result is there. Ours: poll it, do not read or close it. It closes with this
  /// object (where the result comes in that very moment, right after), and not when the result
  /// comes; -1 once moved from.
  int fd() const noexcept { return bell_ ? detail::descriptor_of(*bell_) : -1; }

 private:
  detail::signal_ptr bell_;
};

}  // namespace loopbridge
