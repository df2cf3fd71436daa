// The client of Redis where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/clients/redis.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/redis_server.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, commands are answered when it has") {
  const support::redis_server server;
  auto options = server.options();
  options.connect_timeout = options.silence = 100ms;
  support::fail_each_allocation([&](loopbridge::bridge& b, int n) {
    return no_memory::after(n, [&] {
      try_to([&] {
        clients::redis r(b, options);
        try_to([&] { r.call_for(100ms, {"SET", "key", "a value that is not short"}); });
        try_to([&] { r.call_for(100ms, {"LRANGE", "none", "0", "-1"}); });
        try_to([&] { r.call_for(100ms, {"GET", "key"}); });
        no_memory::armed = false;
        CHECK(r.call_for(support::generous, {"PING"}).text() == "PONG");
      });
    });
  });
}
