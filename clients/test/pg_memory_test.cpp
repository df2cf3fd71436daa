// The client of PostgreSQL where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "loopbridge/clients/pg_transaction.hpp"
#include "loopbridge/options.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, queries and transactions are served when it has") {
  no_memory::is_spared = true;
  auto options = support::the_postgres().options();
  options.connections = 1;
  options.connect_timeout = options.cancel_timeout = 100ms;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    const support::watchdog dog;
    loopbridge::bridge b({.on_unhandled_error = [](const loopbridge::unhandled_error&) {}});
    clients::pg db(b, options);
    has_failed = no_memory::after(n, [&] {
      try_to([&] { db.call_for(100ms, {"SELECT $1::int", {1}}); });
      try_to([&] {
        auto t = db.begin_for(100ms);
        t.call_for(100ms, {"SELECT 2"});
        t.commit_for(100ms);
      });
    });
    CHECK(db.call_for(support::generous, {"SELECT 3"}).at(0, 0) == "3");
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
