// Transactions whose server, client or bridge goes, and which are destroyed at a bad time.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/outage.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace clients = loopbridge::clients;
using clients::outcome;
using support::outcome_of;
using support::the_postgres;

std::string pid_of(clients::pg& db) {
  return std::string(*db.call("SELECT pg_backend_pid()").at(0, 0));
}

/// Is there a session of this server process that is not idle?
bool is_busy(clients::pg& db, const std::string& pid) {
  return db.call({"SELECT 1 FROM pg_stat_activity WHERE pid = $1::int AND state <> 'idle'", {pid}})
             .rows() > 0;
}

TEST_CASE("the server is killed under a query: its outcome is unknown, the rest is not sent") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  auto t = db.begin();
  const auto running = t.submit("SELECT pg_sleep(620)");
  const auto behind = t.submit("SELECT 1");
  const auto waiting = db.submit("SELECT 2");
  bridge.call([] {});
  server.kill();
  CHECK(outcome_of([&] { running.get(); }) == outcome::unknown);
  CHECK(outcome_of([&] { behind.get(); }) == outcome::not_sent);
  CHECK_THROWS_WITH_AS(t.call("SELECT 1"), doctest::Contains("connection was lost"),
                       clients::request_error);
  CHECK(outcome_of([&] { t.commit(); }) == outcome::not_sent);
  CHECK_NOTHROW(t.rollback());
  server.start();
  CHECK(waiting.get().at(0, 0) == "2");
}

TEST_CASE("a connection that breaks between two queries: the transaction is over") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  auto t = db.begin();
  const std::string pid(*t.call("SELECT pg_backend_pid()").at(0, 0));
  other.call({"SELECT pg_terminate_backend($1::int)", {pid}});
  // One that comes before the news may be lost with the connection.
  CHECK(support::comes_true(
      [&] { return outcome_of([&] { t.call("SELECT 1"); }) == outcome::not_sent; }));
  CHECK(db.call("SELECT 1").at(0, 0) == "1");
}

TEST_CASE("a commit whose answer is lost: nobody knows, and it is not rolled back in silence") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  auto options = the_postgres().options(1);
  options.cancel_timeout = 50ms;
  clients::pg db(bridge, options);
  for (const bool killed : {false, true}) {
    auto t = db.begin();
    server.freeze();
    const auto commit = killed ? t.submit_commit() : t.submit_commit_for(100ms);
    bridge.call([] {});
    if (killed) server.kill();
    CHECK(outcome_of([&] { commit.get(); }) == outcome::unknown);
    CHECK(outcome_of([&] { t.commit(); }) == outcome::not_sent);
    CHECK(outcome_of([&] { t.rollback(); }) == outcome::not_sent);
    killed ? server.start() : server.thaw();
    CHECK(db.call("SELECT 1").at(0, 0) == "1");
  }
}

TEST_CASE("a rollback whose answer is lost has happened: asked for again, it returns at once") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  auto t = db.begin();
  server.freeze();
  CHECK(outcome_of([&] { t.rollback_for(100ms); }) == outcome::unknown);
  CHECK_NOTHROW(t.rollback());
  CHECK(outcome_of([&] { t.commit(); }) == outcome::not_sent);
  server.thaw();
  CHECK(db.call("SELECT 1").at(0, 0) == "1");
}

TEST_CASE("a server that does not take the rollback costs the connection, and nobody's time") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  auto options = the_postgres().options(1);
  options.cancel_timeout = 50ms;
  options.connect_timeout = 100ms;
  clients::pg db(bridge, options);
  const std::string before = pid_of(db);
  std::optional<clients::pg_transaction> t(db.begin());
  server.freeze();
  t.reset();
  CHECK_THROWS_WITH_AS(db.submit_for(1s, "SELECT 1").get(), doctest::Contains("logging in"),
                       clients::request_timed_out);
  server.thaw();
  CHECK(pid_of(db) != before);
}

TEST_CASE("a transaction destroyed under a query: that ends on the server, all is rolled back") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg other(bridge, the_postgres().options(1));
  clients::pg db(bridge, the_postgres().options(1));
  const std::string before = pid_of(db);
  std::optional<clients::pg_transaction> t(db.begin());
  const auto running = t->submit("SELECT pg_sleep(621)");
  const auto behind = t->submit("SELECT 1");
  REQUIRE(support::comes_true([&] { return support::runs(other, "SELECT pg_sleep(621)"); }));
  t.reset();
  CHECK(outcome_of([&] { running.get(); }) == outcome::unknown);
  CHECK_THROWS_WITH_AS(running.get(), doctest::Contains("transaction was destroyed"),
                       clients::request_error);
  CHECK(outcome_of([&] { behind.get(); }) == outcome::not_sent);
  CHECK(pid_of(db) == before);
}

TEST_CASE("its destructor does not wait for the loop") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  std::optional<clients::pg_transaction> t(db.begin());
  support::gate held, go;
  bridge.post([&] {
    held.open();
    CHECK(go.wait());
  });
  REQUIRE(held.wait());
  t.reset();
  go.open();
  CHECK(db.call("SELECT 1").at(0, 0) == "1");
}

TEST_CASE("a transaction moves; what was moved from says so, and one that is replaced ends") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(2));
  auto t = db.begin();
  auto moved = std::move(t);
  CHECK_THROWS_AS(t.commit(), loopbridge::no_state);  // NOLINT: on purpose
  moved = db.begin();
  auto another = db.begin();  // on the connection of the one that was replaced
  moved.commit();
  another.commit();
}

TEST_CASE("the client goes before the transaction: what runs fails, the rest is not sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg other(bridge, the_postgres().options(1));
  auto db = std::make_unique<clients::pg>(bridge, the_postgres().options(2));
  auto busy = db->begin();
  auto idle = db->begin();
  const std::string pid(*idle.call("SELECT pg_backend_pid()").at(0, 0));
  CHECK(is_busy(other, pid));
  const auto running = busy.submit("SELECT pg_sleep(622)");
  const auto behind = busy.submit("SELECT 1");
  bridge.call([] {});
  db.reset();
  CHECK(outcome_of([&] { running.get(); }) == outcome::unknown);
  CHECK(outcome_of([&] { behind.get(); }) == outcome::not_sent);
  CHECK_THROWS_WITH_AS(idle.call("SELECT 1"), doctest::Contains("client was destroyed"),
                       clients::request_error);
  CHECK(support::comes_true([&] { return !is_busy(other, pid); }));
  other.call("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%(622)'");
}

TEST_CASE("the bridge stops before all: calls are refused, and both may go in any thread") {
  const support::watchdog dog;
  std::optional<loopbridge::bridge> bridge(std::in_place);
  std::optional<clients::pg> db(std::in_place, *bridge, the_postgres().options(2));
  std::optional<clients::pg_transaction> t(db->begin());
  std::optional<clients::pg_transaction> idle(db->begin());
  const auto running = t->submit("SELECT pg_sleep(0.3)");
  const auto commit = t->submit_commit();
  auto unread = db->submit_begin();
  bridge->call([] {});
  bridge.reset();
  CHECK_THROWS_AS(running.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(commit.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(unread.get(), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(t->call("SELECT 1"), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(idle->commit_for(1s), loopbridge::bridge_stopped);
  std::jthread([&]() noexcept { t.reset(); });
  db.reset();
  idle.reset();
}

TEST_CASE("transactions of four threads go on through a server that is killed and frozen") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(2));
  support::check(support::run_outage("pg, transactions", the_postgres().process(), [&] {
    const auto until = std::chrono::steady_clock::now() + support::outage_deadline;
    const auto left = [&] { return until - std::chrono::steady_clock::now(); };
    auto t = db.begin_for(left());
    t.call_for(left(), {"SELECT $1::int", {1}});
    t.commit_for(left());
  }));
  // None of them has kept a connection.
  auto one = db.begin();
  auto two = db.begin();
}

}  // namespace

TEST_CASE("a loop that is held up beyond a deadline leaves the transaction as it is") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  auto t = db.begin();
  {
    const support::held_loop held(bridge);
    CHECK(outcome_of([&] { t.call_for(1ms, "SELECT 1"); }) == outcome::not_sent);
    CHECK(outcome_of([&] { t.commit_for(1ms); }) == outcome::not_sent);
    CHECK(outcome_of([&] { t.rollback_for(1ms); }) == outcome::not_sent);
  }
  t.call("SELECT 1");
  t.commit();
}
