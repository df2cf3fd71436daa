// The client of Redis where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/redis.hpp"
#include "loopbridge/options.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/redis_server.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, commands are answered when it has") {
  no_memory::is_spared = true;
  const support::redis_server server;
  auto options = server.options();
  options.connect_timeout = options.silence = 100ms;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    const support::watchdog dog;
    loopbridge::bridge b({.on_unhandled_error = [](const loopbridge::unhandled_error&) {}});
    has_failed = no_memory::after(n, [&] {
      try_to([&] {
        clients::redis r(b, options);
        try_to([&] { r.call_for(100ms, {"SET", "key", "a value that is not short"}); });
        try_to([&] { r.call_for(100ms, {"LRANGE", "none", "0", "-1"}); });
        try_to([&] { r.call_for(100ms, {"GET", "key"}); });
        no_memory::armed = false;
        CHECK(r.call_for(support::generous, {"PING"}).text() == "PONG");
      });
    });
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
