// The client of PostgreSQL where memory runs out on the loop.
#include <doctest/doctest.h>

#include <chrono>

#include "loopbridge/clients/pg.hpp"
#include "loopbridge/clients/pg_transaction.hpp"
#include "support/no_memory.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"

using namespace std::chrono_literals;
using support::no_memory;
using support::try_to;
namespace clients = loopbridge::clients;

TEST_CASE("wherever the loop had no memory, queries and transactions are served when it has") {
  auto options = support::the_postgres().options();
  options.connections = 1;
  options.connect_timeout = options.cancel_timeout = 100ms;
  support::fail_each_allocation([&](loopbridge::bridge& b, int n) {
    clients::pg db(b, options);
    const bool has_failed = no_memory::after(n, [&] {
      try_to([&] { db.call_for(100ms, {"SELECT $1::int", {1}}); });
      try_to([&] {
        auto t = db.begin_for(100ms);
        t.call_for(100ms, {"SELECT 2"});
        t.commit_for(100ms);
      });
    });
    CHECK(db.call_for(support::generous, {"SELECT 3"}).at(0, 0) == "3");
    return has_failed;
  });
}
