#pragma once

#include <memory>

#include "loopbridge/results/eventual.hpp"

namespace loopbridge {
namespace detail {

/// The descriptor of a ready_descriptor. The call that is watched holds it too.
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
///     loopbridge::ready_descriptor ready(answer);
///     auto* notifier = new QSocketNotifier(ready.fd(), QSocketNotifier::Read);
///     connect(notifier, &QSocketNotifier::activated, [&] { show(answer.get()); });
///
/// However the call ends counts: value, failure, cancelled, bridge stopped. The descriptor stays
/// readable for good once the result is there, and nobody has to read from it. A loop that polls by
/// level takes it out (or destroys this) when it has seen it. This object does not own the eventual
/// and keeps nothing of it waiting: the eventual may be read, moved or dropped first.
///
/// Thread   any ordinary thread, one at a time. Nothing of it blocks.
class ready_descriptor {
 public:
  /// Takes an eventfd on Linux, both ends of a pipe elsewhere.
  ///
  /// Throws   `no_state` if `e` is empty, std::system_error if there is no descriptor left,
  ///          std::bad_alloc.
  template <class T>
  explicit ready_descriptor(const eventual<T>& e)
      : bell_(detail::ring_when_done(detail::eventual_access::state(e))) {}

  /// Readable once the result is there; -1 once moved from. It is the library's: poll it, do not
  /// read or close it. It closes with this object (where the result comes in that very moment,
  /// right after), and not when the result comes.
  int fd() const noexcept { return bell_ ? detail::descriptor_of(*bell_) : -1; }

 private:
  detail::signal_ptr bell_;
};

}  // namespace loopbridge
