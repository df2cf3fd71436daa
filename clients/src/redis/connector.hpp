#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "descriptor.hpp"
#include "lookup.hpp"
#include "loopbridge/clients/request_error.hpp"
#include "loopbridge/loop_ref.hpp"
#include "loopbridge/uv/fd_watcher.hpp"

namespace loopbridge::clients::detail {

/// Finds a host's addresses and connects to the first of them that answers, or to the socket whose
/// path the host is. When it is destroyed the attempt is given up. It has no deadline: its owner
/// has. Thread: the loop's.
class connector {
 public:
  /// Called once, with a non-blocking socket, or with none and the reason; it may destroy this.
  using done = std::function<void(descriptor, const std::string&)>;

  connector(loop_ref loop, done d);

  void start(const std::string& host, std::uint16_t port);
  /// How far it has come: resolving or connecting.
  phase reached() const noexcept {
    return addresses_.empty() ? phase::resolving : phase::connecting;
  }

 private:
  void connect_to_path(const std::string& path);
  void try_next();
  void on_writable();
  void end(descriptor connected, const std::string& why);

  const loop_ref loop_;
  done done_;
  lookup lookup_;
  std::vector<address> addresses_;
  std::size_t next_ = 0;
  std::string failure_;
  descriptor socket_;
  std::optional<fd_watcher> watcher_;  ///< ends before the descriptor
};

/// Has the kernel find out that the peer is gone: one that is silent for `idle` is asked for a sign
/// of life, and given up after as much again; so is one that does not confirm what it was sent.
void keep_alive(int socket, std::chrono::seconds idle) noexcept;

}  // namespace loopbridge::clients::detail
