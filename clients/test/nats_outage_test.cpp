// The client of NATS while its server is killed, restarted and frozen under 4 threads.
#include <doctest/doctest.h>

#include "loopbridge/clients/nats.hpp"
#include "loopbridge/options.hpp"
#include "support/nats_server.hpp"
#include "support/outage.hpp"
#include "support/patience.hpp"

TEST_CASE("nats survives its server's outages") {
  support::nats_server server;
  loopbridge::options quiet;  // answers that cannot be given
  quiet.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  loopbridge::bridge b(quiet);
  loopbridge::clients::nats n(b, {.servers = {server.url()}});
  const auto served = n.subscribe("echo", [&](const loopbridge::clients::nats_message& m) {
    n.publish({.subject = m.reply, .data = m.data});
  });
  n.flush_for(support::generous);
  support::check(support::run_outage("nats", server.process(), [&] {
    n.request_for(support::outage_deadline, {.subject = "echo"});
  }));
}
