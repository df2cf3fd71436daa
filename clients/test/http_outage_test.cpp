// The HTTP client while nginx is killed, restarted and frozen under 4 threads.
#include <doctest/doctest.h>

#include "loopbridge/clients/http.hpp"
#include "support/nginx.hpp"
#include "support/outage.hpp"

TEST_CASE("http survives its server's outages") {
  support::nginx server;
  loopbridge::bridge b;
  loopbridge::clients::http web(b);
  support::check(support::run_outage("http", server.process(), [&] {
    web.call_for(support::outage_deadline, {.url = server.url("/hello")});
  }));
}
