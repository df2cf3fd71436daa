#pragma once

#include <loopbridge/clients/redis.hpp>
#include <string>
#include <vector>

#include "support/server.hpp"

namespace support {

/// A Redis of the test's own, that keeps nothing on disk. It runs until it is destroyed.
class redis_server {
 public:
  explicit redis_server(const std::vector<std::string>& more = {})
      : server_(command(more), directory_.path(), [port = port_] { return accepts(port); }) {
    server_.start();
  }

  loopbridge::clients::redis_options options() const {
    loopbridge::clients::redis_options at;
    at.port = static_cast<std::uint16_t>(port_);
    return at;
  }
  /// Of its Unix socket.
  std::string path() const { return directory_.path() + "/socket"; }
  server& process() noexcept { return server_; }

 private:
  std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--unixsocket",
                                   path(),
                                   "--unixsocketperm",
                                   "777",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  scratch_directory directory_;
  int port_ = free_port();
  server server_;
};

}  // namespace support
