#include "redis/connector.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace loopbridge::clients::detail {
namespace {

std::string text_of(int error) {
  return std::generic_category().message(error);
}

socklen_t size_of(const sockaddr* a) {
  return a->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

void set(int socket, int level, int name, int value) noexcept {
  ::setsockopt(socket, level, name, &value, sizeof value);  // what fails leaves it as it was
}

}  // namespace

connector::connector(loop_ref loop, done d)
    : loop_(loop),
      done_(std::move(d)),
      lookup_([this](int status, const std::vector<address>& found) {
        if (status != 0) return end(descriptor(), uv_strerror(status));
        addresses_ = found;
        try_next();
      }) {}

void connector::start(const std::string& host, std::uint16_t port) {
  if (host.starts_with('/')) return connect_to_path(host);
  if (const int status = lookup_.start(loop_, host, port); status != 0)
    end(descriptor(), uv_strerror(status));
}

/// Which succeeds or fails at once. EAGAIN: the server's queue is full.
void connector::connect_to_path(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);  // shorter: the options were looked at
  socket_ = descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_ && ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0)
    return end(std::move(socket_), "");
  end(descriptor(), text_of(errno));
}

void connector::try_next() {
  while (next_ < addresses_.size()) {
    const sockaddr* const to = addresses_[next_++].get();
    watcher_.reset();
    socket_ = descriptor(
        ::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket_) set(socket_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    if (socket_ && ::connect(socket_.get(), to, size_of(to)) == 0)
      return end(std::move(socket_), "");
    const int error = errno;
    failure_ = text_of(error);
    if (!socket_ || error != EINPROGRESS) continue;
    try {
      watcher_.emplace(loop_, [this](fd_events) { on_writable(); });
      return watcher_->watch(socket_.get(), fd_interest::write);
    } catch (const std::exception& e) {  // no descriptor left, say
      failure_ = e.what();
    }
  }
  end(descriptor(), failure_);
}

void connector::on_writable() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == EINPROGRESS || error == EAGAIN) return;
  watcher_.reset();  // before another watcher has the descriptor
  if (error == 0) return end(std::move(socket_), "");
  failure_ = text_of(error);
  try_next();
}

void connector::end(descriptor connected, const std::string& why) {
  const std::string reason = why;  // `why` may be a member's
  const done call = std::move(done_);
  call(std::move(connected), reason);
}

void keep_alive(int socket, std::chrono::seconds idle) noexcept {
  const int seconds = static_cast<int>(std::clamp<std::int64_t>(idle.count(), 1, 32767));
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(seconds / 3, 1));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
#ifdef TCP_USER_TIMEOUT
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 2000 * seconds);
#endif
}

}  // namespace loopbridge::clients::detail
