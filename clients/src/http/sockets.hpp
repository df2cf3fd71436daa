#pragma once

#include <curl/curl.h>

#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "loopbridge/uv/fd_watcher.hpp"

namespace loopbridge::clients {

/// curl's sockets: watched on the loop as curl asks, and looked at before they are used again. Loop
/// thread. Nothing here calls curl.
class http_sockets {
 public:
  /// The local and the remote port, which curl names a connection by.
  using ports = std::pair<int, int>;

  /// `ready(socket, events)` with CURL_CSELECT_*
  http_sockets(loop_ref loop, std::function<void(curl_socket_t, int)> ready)
      : loop_(loop), ready_(std::move(ready)) {}

  /// `what` is one of CURL_POLL_*.
  void watch(curl_socket_t socket, int what);
  /// It is about to be closed. Its number may come back with the next socket.
  void closing(curl_socket_t socket) noexcept;

  /// One of `opened` is the connection that has these ports.
  void remember(const std::vector<curl_socket_t>& opened, ports of);
  /// Has the other side let go of this connection, which nobody uses, or sent what nobody asked
  /// for? Curl itself looks no more than once in a second. `quiet`: so far it says nothing unasked.
  bool is_dead(ports of, bool quiet) const noexcept;

 private:
  const loop_ref loop_;
  const std::function<void(curl_socket_t, int)> ready_;
  std::unordered_map<curl_socket_t, std::unique_ptr<fd_watcher>> watchers_;
  std::map<ports, curl_socket_t> known_;
};

}  // namespace loopbridge::clients
