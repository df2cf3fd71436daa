#include <doctest/doctest.h>

#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>

#include "support/outage.hpp"
#include "support/redis_server.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("redis: outage");

TEST_CASE("no thread hangs or learns late when the server is killed, restarted and frozen") {
  const support::watchdog watchdog;
  support::redis_server server;
  loopbridge::bridge b;
  loopbridge::clients::redis r(b, server.options());
  const auto report = support::run_outage(
      "redis", server.process(), [&] { r.call_for(support::outage_deadline, {"INCR", "n"}); });
  support::check(report);
}
