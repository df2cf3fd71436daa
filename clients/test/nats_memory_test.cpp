// The client of NATS where memory runs out on threads that are not the caller's, nor the loop's.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/nats.hpp"
#include "support/nats_server.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace c = loopbridge::clients;

TEST_CASE("wherever there was no memory, all is well when there is") {
  const support::watchdog dog;
  no_memory::is_spared = true;
  support::nats_server server;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    loopbridge::bridge b;
    b.call([] { no_memory::is_spared = true; });
    std::atomic<int> seen = 0;
    c::nats client(b, {.servers = {server.url()}});
    no_memory::left = n;
    no_memory::armed = true;
    const auto sub = client.subscribe("counted", [&](const c::nats_message&) { ++seen; });
    try_to(
        [&] { client.request_for(300ms, {.subject = "nobody", .headers = {{"Name", "value"}}}); });
    server.process().kill();
    server.process().start();
    try_to([&] { client.flush_for(300ms); });
    try_to([&] { client.request_for(300ms, {.subject = "nobody"}); });
    no_memory::armed = false;
    has_failed = no_memory::left < 0;
    CHECK_THROWS_AS(client.request_for(support::generous, {.subject = "nobody"}), c::no_responders);
    const int before = seen;
    client.publish({.subject = "counted"});
    CHECK(support::comes_true([&] { return seen > before; }));
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
