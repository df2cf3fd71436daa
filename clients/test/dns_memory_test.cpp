// The client of names where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/clients/dns.hpp"
#include "support/dnsmasq.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, names are looked up when it has") {
  const support::dnsmasq server;
  support::fail_each_allocation([&](loopbridge::bridge& b, int n) {
    clients::dns names(b, server.options());
    const bool has_failed = no_memory::after(n, [&] {
      try_to([&] { names.call_for(200ms, "example.test"); });
      try_to([&] { names.call_for(200ms, "unknown.test"); });
    });
    CHECK(names.call_for(support::generous, "example.test").size() == 2);
    return has_failed;
  });
}
