#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <loopbridge/bridge.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tally.hpp"

namespace tour {

/// A TCP server on the loopback interface that serves a list of files. It lives on a bridge's
/// loop; this object is for the other threads. Its state has no lock, because only callables on
/// that loop touch it.
class file_server {
 public:
  struct counts {
    std::uint64_t connections = 0, files = 0, bytes = 0;
  };

  /// Listens when it returns; port 0: any free one. Throws std::system_error if it can't.
  file_server(loopbridge::bridge& loop, std::vector<std::string> files, std::uint16_t port);
  /// close(), where the program has not got to it.
  ~file_server();
  file_server(const file_server&) = delete;
  file_server& operator=(const file_server&) = delete;

  sockaddr_in address() const { return address_; }
  counts look(tally& books);
  /// Closes the listener and all connections; returns when they are closed.
  void close();

  class state;

 private:
  loopbridge::bridge& loop_;
  std::shared_ptr<state> state_;
  sockaddr_in address_{};
};

}  // namespace tour
