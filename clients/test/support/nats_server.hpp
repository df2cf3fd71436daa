#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "support/server.hpp"

namespace support {

/// A nats-server on a port of its own.
class nats_server {
 public:
  /// `more`: lines of its configuration.
  explicit nats_server(const std::string& more = {}, int port = free_port())
      : port_(port), process_(command(more), directory_.path(), [this] { return accepts(port_); }) {
    process_.start();
  }

  server& process() { return process_; }
  int port() const noexcept { return port_; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

 private:
  std::vector<std::string> command(const std::string& more) const {
    const std::string path = directory_.path() + "/conf";
    std::ofstream(path) << "host: 127.0.0.1\nport: " << port_ << "\nmax_payload: 8MB\n"
                        << more << "\n";
    return {"nats-server", "-c", path};
  }

  const int port_;
  scratch_directory directory_;
  server process_;
};

}  // namespace support
