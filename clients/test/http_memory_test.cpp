// The client of HTTP where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/clients/http.hpp"
#include "support/nginx.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, pages are fetched when it has") {
  const support::nginx server;
  support::fail_each_allocation([&](loopbridge::bridge& b, int n) {
    clients::http h(b, {.connections_per_host = 1});
    const bool has_failed = no_memory::after(n, [&] {
      try_to([&] { h.call_for(200ms, {.url = server.url("/hello")}); });
      try_to([&] { h.call_for(200ms, {.url = server.url("/none")}); });
    });
    CHECK(h.call_for(support::generous, {.url = server.url("/hello")}).body == "hello");
    return has_failed;
  });
}
