// The client of NATS while its server is killed, restarted and frozen under 4 threads.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "loopbridge/clients/nats.hpp"
#include "loopbridge/options.hpp"
#include "support/fake_server.hpp"
#include "support/nats_server.hpp"
#include "support/outage.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

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

TEST_CASE("a connection that is lost amid its subscriptions keeps none of their handlers") {
  const support::watchdog dog;
  const support::fake_server breaks([&](support::fake_connection& s) {
    s.write("INFO {\"max_payload\":1048576}\r\n");
    s.read_until("PING\r\n");
    s.write("PONG\r\n");
    s.read_until("SUB");
    s.reset();
  });
  loopbridge::bridge b;
  loopbridge::clients::nats n(b,
                              {.servers = {"nats://127.0.0.1:" + std::to_string(breaks.port())}});
  const auto held = std::make_shared<int>();
  std::vector<loopbridge::clients::nats_subscription> many;
  for (int i = 0; i < 300; ++i)
    many.push_back(n.subscribe(std::string(1000, 'a') + std::to_string(i), [held](auto&&) {}));
  REQUIRE(support::comes_true([&] { return breaks.accepted() > 4; }));
  many.clear();
  CHECK(support::comes_true([&] { return held.use_count() == 1; }));
}
