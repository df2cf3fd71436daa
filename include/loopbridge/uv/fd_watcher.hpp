#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <utility>

#include "loopbridge/detail/uv/loop_callback.hpp"
#include "loopbridge/loop_ref.hpp"

namespace loopbridge {

/// What a client waits for at its descriptor.
enum class fd_interest { none, read, write, both };

/// What has come.
struct fd_events {
  /// Reading, or writing, does not block now. A connection that is refused, reset or closed is
  /// readable, and writable if that was asked for: the client learns the error by reading.
  bool readable;
  bool writable;
  /// Below 0, a code of libuv's: the watcher has stopped, and the two above are false. UV_EBADF:
  /// the client has closed its socket, and did not call stop().
  int error;
};

/// Tells a client on the loop when it may read from its descriptor, or write: what the adapters of
/// hiredis, libpq, curl, c-ares and the like are made of.
///
/// It polls a duplicate of the descriptor. libuv looks its handles up by the number of the
/// descriptor, and ends the process where a client has closed that: at the next epoll_ctl(), or
/// where the number comes back as another connection's while the old handle is open. A number of
/// the watcher's own comes back only when the watcher lets go of it. So clients may close their
/// sockets before they say so, and two watchers may watch one descriptor. The price: one descriptor
/// more while it watches, and a connection whose socket the client has closed stays open for the
/// other side until stop(), the destructor, or the next thing that arrives there. So call stop()
/// before you close.
///
/// A task waits by readable() and writable(): see readable.hpp.
///
/// Thread   the loop thread, for all its functions and its destructor
/// Callable `f` is called on the loop as long as what it is told of lasts, once in each turn: read
///          what there is, or change the interest. It may call every function here, also destroy
///          the watcher, and is destroyed with that, or when it returns. What it throws goes to
///          options::on_unhandled_error, with the place where the watcher was made.
/// After the end   destroy it before the loop has ended, in at_stop() or as part of an owned<H>;
///          otherwise the bridge reports it as an open handle and closes it. In a forked child
///          stop() and the destructor leave the parent's watching alone; all else only after
///          uv_loop_fork().
class fd_watcher {
 public:
  /// Watches nothing yet.
  /// Throws   std::invalid_argument if `f` is empty; std::bad_alloc
  fd_watcher(loop_ref loop, std::function<void(fd_events)> f,
             std::source_location where = std::source_location::current())
      : loop_(loop), callback_(std::move(f), where) {}
  /// stop().
  ~fd_watcher() { stop(); }
  fd_watcher(const fd_watcher&) = delete;
  fd_watcher& operator=(const fd_watcher&) = delete;

  /// Begins to watch, changes the interest, or goes over to another descriptor. Call it whenever
  /// the client may have changed one of them. It sees when the number is that of another socket by
  /// now. `none` is stop(). The descriptor becomes non-blocking.
  /// Throws   std::system_error with uv_category(), and watches nothing then. UV_EBADF: it is not
  ///          open. UV_EPERM: it is a file. UV_EMFILE: there is no descriptor left. UV_EEXIST: a
  ///          uv_poll_t of the program's is open whose descriptor was closed. std::bad_alloc.
  void watch(int fd, fd_interest what);

  /// No callback comes any more, and the descriptor may be closed. May be called again.
  void stop() noexcept;

  bool is_watching() const noexcept { return handle_ != nullptr; }

 private:
  struct polled;

  void open(int fd);
  int start() noexcept;

  const loop_ref loop_;
  const detail::loop_callback<fd_events> callback_;
  polled* handle_ = nullptr;
  int fd_ = -1;  ///< this and the rest: while there is a handle
  std::uint64_t socket_ = 0;
  fd_interest what_ = fd_interest::none;
};

}  // namespace loopbridge
