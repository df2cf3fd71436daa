#include <doctest/doctest.h>

#include <chrono>
// One program uses several clients: their headers go together.
#include <loopbridge/clients/dns.hpp>
#include <loopbridge/clients/http.hpp>
#include <loopbridge/clients/nats_rpc.hpp>
#include <loopbridge/clients/pg.hpp>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/clients/request_error.hpp>

TEST_SUITE_BEGIN("request_error");

using namespace std::chrono_literals;
using loopbridge::clients::outcome;
using loopbridge::clients::phase;
using loopbridge::clients::request_error;

TEST_CASE(
    "a failure tells the peer, why, how far it came, how long it took and what became of it") {
  const request_error e(outcome::not_sent, "redis 10.0.0.7:6379", phase::connecting, 12'345us,
                        "Connection refused");
  CHECK(std::string(e.what()) ==
        "redis 10.0.0.7:6379: Connection refused, while connecting, after 12 ms; the request was "
        "not sent");
  CHECK(e.result() == outcome::not_sent);
  CHECK(e.phase() == phase::connecting);
  CHECK(e.after() == 12'345us);
}

TEST_CASE("each outcome and each phase has a name of its own") {
  CHECK(name_of(outcome::not_sent) == "the request was not sent");
  CHECK(name_of(outcome::unknown) == "the request may have been executed");
  CHECK(name_of(outcome::answered) == "the server answered so");
  CHECK(name_of(phase::queued) == "queued");
  CHECK(name_of(phase::resolving) == "resolving the name");
  CHECK(name_of(phase::connecting) == "connecting");
  CHECK(name_of(phase::logging_in) == "logging in");
  CHECK(name_of(phase::waiting) == "waiting for the answer");
  CHECK(name_of(phase::reading) == "reading the answer");
}
