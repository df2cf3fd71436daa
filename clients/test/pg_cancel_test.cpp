// Queries that are given up: what becomes of them on the server, and of their connections.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "support/fake_server.hpp"
#include "support/gate.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace clients = loopbridge::clients;
using answer = loopbridge::eventual<clients::pg_answer>;
using clients::outcome;
using support::generous;
using support::outcome_of;
using support::runs;
using support::the_postgres;

std::string pid_of(clients::pg& db) {
  return std::string(*db.call("SELECT pg_backend_pid()").at(0, 0));
}

TEST_CASE("a query whose time is up ends on the server, and its connection serves the next one") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  const std::string before = pid_of(db);
  CHECK_THROWS_AS(db.submit_for(300ms, "SELECT pg_sleep(600)").get(), clients::request_timed_out);
  CHECK(pid_of(db) == before);
  CHECK(outcome_of([&] { db.submit_for(300ms, "SELECT pg_sleep(600)").get(); }) ==
        outcome::unknown);
  CHECK(support::comes_true([&] { return !runs(other, "SELECT pg_sleep(600)"); }));
}

TEST_CASE("a query whose eventual is cancelled ends on the server") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  const std::string before = pid_of(db);
  const answer a = db.submit("SELECT pg_sleep(601)");
  REQUIRE(support::comes_true([&] { return runs(other, "SELECT pg_sleep(601)"); }));
  CHECK(a.cancel());
  CHECK(support::comes_true([&] { return !runs(other, "SELECT pg_sleep(601)"); }));
  CHECK(pid_of(db) == before);
}

TEST_CASE("a cancel never hits the next query") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  for (int n = 0; n < 100; ++n) {
    // Ends about when its time is up: before the cancel, in the middle of it, and by it.
    (void)outcome_of([&] { db.submit_for(5ms, {"SELECT pg_sleep($1)", {0.0048}}).get(); });
    CHECK(db.call("SELECT pg_sleep(0.002)").rows() == 1);
  }
}

TEST_CASE("a query that goes on, as the cancel has overtaken it, is cancelled again") {
  const support::watchdog dog;
  std::atomic<int> connections = 0, cancels = 0;
  std::atomic<bool> next_came = false;
  support::fake_server server([&](support::fake_connection& c) {
    if (connections++ > 0) {
      (void)c.read_until("key!");
      ++cancels;
      return;
    }
    const std::string sync = "S\0\0\0\x04"s, ready = "Z\0\0\0\x05I"s;
    (void)c.read_until("database\0db\0\0"s);
    c.write("R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x07key!"s + ready);
    (void)c.read_until(sync);
    if (!support::comes_true([&] { return cancels >= 2; })) return;
    c.write("E\0\0\0\x10SERROR\0Mno\0\0"s + ready);
    next_came = c.read_until(sync).ends_with(sync);
  });
  loopbridge::bridge bridge;
  clients::pg db(bridge, {.port = server.port(),
                          .user = "test",
                          .database = "db",
                          .connections = 1,
                          .timeout = generous,
                          .cancel_timeout = generous,
                          .parameters = {{"sslmode", "disable"}}});
  CHECK(outcome_of([&] { db.submit_for(100ms, "SELECT 1").get(); }) == outcome::unknown);
  const answer next = db.submit("SELECT 2");
  CHECK(support::comes_true([&] { return next_came.load(); }));
  CHECK(outcome_of([&] { next.get(); }) == outcome::unknown);
}

TEST_CASE("a query whose deadline passes in the queue is not sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  db.call("CREATE TABLE late (n int)");
  const answer first = db.submit("SELECT pg_sleep(602)");
  CHECK(outcome_of([&] { db.submit_for(50ms, "INSERT INTO late VALUES (1)").get(); }) ==
        outcome::not_sent);
  first.cancel();
  CHECK(db.call("SELECT * FROM late").rows() == 0);
  db.call("DROP TABLE late");
}

TEST_CASE("a query whose deadline passes before the loop comes to it is not sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  db.call("CREATE TABLE too_late (n int)");
  support::gate held, go;
  bridge.post([&] {
    held.open();
    (void)go.wait();
  });
  REQUIRE(held.wait());
  const answer a = db.submit_for(0ms, "INSERT INTO too_late VALUES (1)");
  go.open();
  CHECK(outcome_of([&] { a.get(); }) == outcome::not_sent);
  CHECK(db.call("SELECT * FROM too_late").rows() == 0);
  db.call("DROP TABLE too_late");
}

TEST_CASE("a query that is cancelled in the queue is not sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  db.call("CREATE TABLE unwanted (n int)");
  const answer first = db.submit("SELECT pg_sleep(606)");
  const answer second = db.submit("INSERT INTO unwanted VALUES (1)");
  bridge.call([] {});  // now it waits in the client, not in the loop's list
  CHECK(second.cancel());
  first.cancel();
  CHECK(db.call("SELECT * FROM unwanted").rows() == 0);
  db.call("DROP TABLE unwanted");
}

TEST_CASE("each query that waits has its own deadline") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  const answer first = db.submit("SELECT pg_sleep(605)");
  const answer patient = db.submit_for(generous, "SELECT 1");
  const answer hasty = db.submit_for(20ms, "SELECT 2");
  CHECK(outcome_of([&] { hasty.get(); }) == outcome::not_sent);
  first.cancel();
  CHECK(patient.get().at(0, 0) == "1");
}

TEST_CASE("a cancel that a frozen server does not take costs its connection, and nobody's time") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  auto options = the_postgres().options(1);
  options.cancel_timeout = 50ms;
  options.connect_timeout = 100ms;
  clients::pg db(bridge, options);
  const std::string before = pid_of(db);
  server.freeze();
  CHECK(outcome_of([&] { db.submit_for(300ms, "SELECT pg_sleep(603)").get(); }) ==
        outcome::unknown);
  // It tells why there is no connection: logging in takes too long, once the cancel has.
  CHECK_THROWS_WITH_AS(db.submit_for(1s, "SELECT 1").get(), doctest::Contains("logging in"),
                       clients::request_timed_out);
  server.thaw();
  CHECK(pid_of(db) != before);
}

TEST_CASE(
    "the bridge stops, and the client goes, while a cancel to a frozen server is on its way") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  {
    loopbridge::bridge bridge;
    clients::pg db(bridge, the_postgres().options(2));
    db.call("SELECT 1");
    server.freeze();
    const answer a = db.submit_for(20ms, "SELECT 1");
    CHECK_THROWS_AS(a.get(), clients::request_timed_out);
  }
  server.thaw();
}

TEST_CASE("what waits and runs when the client is destroyed fails") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  auto db = std::make_unique<clients::pg>(bridge, the_postgres().options(2));
  std::vector<answer> all;
  for (int n = 0; n < 10; ++n) all.push_back(db->submit("SELECT pg_sleep(604)"));
  clients::pg other(bridge, the_postgres().options(1));
  REQUIRE(support::comes_true([&] { return runs(other, "SELECT pg_sleep(604)"); }));
  db.reset();
  CHECK(outcome_of([&] { all.front().get(); }) == outcome::unknown);
  CHECK(outcome_of([&] { all.back().get(); }) == outcome::not_sent);
  for (const answer& a : all) CHECK_THROWS_AS(a.get(), clients::request_error);
  other.call("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%(604)'");
}

TEST_CASE("what waits and runs when the bridge stops fails, and the client may go afterwards") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  db.call("SELECT 1");
  const answer running = db.submit("SELECT pg_sleep(0.3)");
  const answer waiting = db.submit("SELECT 1");
  bridge.call([] {});
  bridge.stop();
  CHECK_THROWS_AS(running.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(waiting.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(db.call("SELECT 1"), loopbridge::bridge_stopped);
}

}  // namespace
