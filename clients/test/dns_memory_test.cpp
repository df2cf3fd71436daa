// The client of names where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/dns.hpp"
#include "loopbridge/options.hpp"
#include "support/dnsmasq.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, names are looked up when it has") {
  no_memory::is_spared = true;
  const support::dnsmasq server;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    const support::watchdog dog;
    loopbridge::bridge b({.on_unhandled_error = [](const loopbridge::unhandled_error&) {}});
    clients::dns names(b, server.options());
    has_failed = no_memory::after(n, [&] {
      try_to([&] { names.call_for(200ms, "example.test"); });
      try_to([&] { names.call_for(200ms, "unknown.test"); });
    });
    CHECK(names.call_for(support::generous, "example.test").size() == 2);
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
