#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace loopbridge::clients {
namespace {

int local_port(curl_socket_t socket) noexcept {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&a), &size) != 0) return -1;
  // Both families have it in the same place.
  return ntohs(reinterpret_cast<const sockaddr_in&>(a).sin_port);
}

}  // namespace

void http_sockets::watch(curl_socket_t socket, int what) {
  // Taken away also where curl keeps the connection: what comes there meanwhile is seen when the
  // connection is to be used.
  if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE) {
    watchers_.erase(socket);
    return;
  }
  auto& watcher = watchers_[socket];
  if (!watcher) {
    watcher = std::make_unique<fd_watcher>(loop_, [this, socket](fd_events seen) {
      ready_(socket, (seen.readable ? CURL_CSELECT_IN : 0) |
                         (seen.writable ? CURL_CSELECT_OUT : 0) |
                         (seen.error != 0 ? CURL_CSELECT_ERR : 0));
    });
  }
  watcher->watch(socket, what == CURL_POLL_IN    ? fd_interest::read
                         : what == CURL_POLL_OUT ? fd_interest::write
                                                 : fd_interest::both);
}

void http_sockets::closing(curl_socket_t socket) noexcept {
  watchers_.erase(socket);
  std::erase_if(known_, [&](const auto& k) { return k.second == socket; });
}

void http_sockets::remember(const std::vector<curl_socket_t>& opened, ports of) {
  for (const curl_socket_t socket : opened) {
    if (local_port(socket) == of.first) known_[of] = socket;
  }
}

bool http_sockets::is_dead(ports of, bool quiet) const noexcept {
  const auto found = known_.find(of);
  if (found == known_.end()) return false;
  pollfd seen{found->second, static_cast<short>(POLLRDHUP | (quiet ? POLLIN : 0)), 0};
  return ::poll(&seen, 1, 0) != 0;
}

}  // namespace loopbridge::clients
