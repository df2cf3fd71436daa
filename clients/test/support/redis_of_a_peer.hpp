#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <utility>

#include "support/peer.hpp"
#include "support/watchdog.hpp"

namespace support {

using namespace std::chrono_literals;
using loopbridge::clients::outcome;
using loopbridge::clients::phase;
using loopbridge::clients::redis;
using loopbridge::clients::redis_options;
using loopbridge::clients::request_error;
using answer = loopbridge::eventual<loopbridge::clients::redis_reply>;

inline redis_options at(int port) {
  redis_options options;
  options.port = static_cast<std::uint16_t>(port);
  options.timeout = 20s;
  return options;
}

/// A client of a server that the test plays.
struct redis_of_a_peer {
  explicit redis_of_a_peer(std::chrono::milliseconds silence = 5s) {
    auto options = at(server.port());
    options.silence = silence;
    r = std::make_unique<redis>(b, options);
  }
  /// Takes the client's next connection, and answers its log-in.
  void let_in() {
    server.accept();
    server.read_until("PING\r\n");
    server.send("+PONG\r\n");
  }

  const support::watchdog watchdog;
  support::peer server;
  loopbridge::bridge b;
  std::unique_ptr<redis> r;
};

/// What the failure says became of the command, and how far it had come.
template <class Error = request_error>
std::pair<outcome, phase> failure_of(const answer& a) {
  try {
    a.get();
  } catch (const Error& e) {
    return {e.result(), e.phase()};
  }
  FAIL("it was answered");
  return {};
}

}  // namespace support
