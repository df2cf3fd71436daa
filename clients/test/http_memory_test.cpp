// The client of HTTP where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/http.hpp"
#include "loopbridge/options.hpp"
#include "support/nginx.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, pages are fetched when it has") {
  no_memory::is_spared = true;
  const support::nginx server;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    const support::watchdog dog;
    loopbridge::bridge b({.on_unhandled_error = [](const loopbridge::unhandled_error&) {}});
    clients::http h(b, {.connections_per_host = 1});
    has_failed = no_memory::after(n, [&] {
      try_to([&] { h.call_for(200ms, {.url = server.url("/hello")}); });
      try_to([&] { h.call_for(200ms, {.url = server.url("/none")}); });
    });
    CHECK(h.call_for(support::generous, {.url = server.url("/hello")}).body == "hello");
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
