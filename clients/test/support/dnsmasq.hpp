#pragma once

#include <string>

#include "loopbridge/clients/dns.hpp"
#include "support/server.hpp"

namespace support {

/// dnsmasq, which knows example.test, refuses what is not of .test, and has no other names.
struct dnsmasq {
  scratch_directory directory;
  int port = free_port();
  server process{{"dnsmasq", "--no-daemon", "--port=" + std::to_string(port),
                  "--conf-file=/dev/null", "--user=", "--pid-file=", "--no-resolv", "--no-hosts",
                  "--listen-address=127.0.0.1", "--bind-interfaces", "--local=/test/",
                  "--address=/example.test/10.1.2.3", "--address=/example.test/fd00::1"},
                 directory.path(),
                 [this] { return accepts(port); }};

  dnsmasq() { process.start(); }
  loopbridge::clients::dns_options options() const {
    return {.servers = "127.0.0.1:" + std::to_string(port)};
  }
};

}  // namespace support
