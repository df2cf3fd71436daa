// How a client ends, and what becomes of the commands that are under way then.
#include <doctest/doctest.h>

#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>

#include "support/redis_of_a_peer.hpp"
#include "support/redis_server.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("redis: ends");

namespace {

using loopbridge::bridge;
using loopbridge::clients::outcome;
using loopbridge::clients::redis;
using support::answer;
using support::failure_of;
using fixture = support::redis_of_a_peer;

}  // namespace

TEST_CASE("commands that nobody answers end when the bridge stops") {
  fixture f;
  f.let_in();
  const answer sent = f.r->submit({"GET", "k"});
  f.server.read_until("k\r\n");
  f.b.stop();
  CHECK_THROWS_AS(sent.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(f.r->call({"PING"}), loopbridge::bridge_stopped);
  CHECK(f.server.is_closed_in_time());
  f.r.reset();
}

TEST_CASE("a client that is destroyed fails what is under way, and closes its connection") {
  fixture f;
  f.let_in();
  const answer sent = f.r->submit({"GET", "k"});
  f.server.read_until("k\r\n");
  f.r.reset();
  CHECK(failure_of(sent).first == outcome::unknown);
  CHECK(f.server.is_closed_in_time());
}

TEST_CASE("a client that is destroyed before it has a connection fails what waits, as not sent") {
  fixture f;
  const answer waits = f.r->submit({"GET", "k"});
  f.r.reset();
  CHECK(failure_of(waits).first == outcome::not_sent);
}

TEST_CASE("clients come and go at once, in whatever state") {
  const support::watchdog watchdog;
  support::redis_server server;
  bridge b;
  for (int n = 0; n < 50; ++n) {
    redis r(b, server.options());
    if (n % 2 != 0) (void)r.submit({"PING"}).cancel();
    if (n % 5 == 0) CHECK(r.call({"PING"}).text() == "PONG");
  }
}
