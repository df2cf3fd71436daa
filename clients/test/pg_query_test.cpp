#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "support/held_loop.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::string_literals;
namespace clients = loopbridge::clients;
using clients::outcome;
using clients::pg_parameter;
using support::generous;
using support::the_postgres;

TEST_CASE("parameters come back as they were given") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  const auto a =
      db.call({"SELECT $1::text AS t, $2::int AS i, $3::bool AS b, $4::float8 AS f, "
               "$5::text AS n, $6::bigint AS m",
               {"na\xc3\xafve 'quoted'", 42, true, 0.1, nullptr, -5'000'000'000LL}});
  REQUIRE(a.rows() == 1);
  REQUIRE(a.columns() == 6);
  CHECK(a.at(0, "t") == "na\xc3\xafve 'quoted'");
  CHECK(a.at(0, "i") == "42");
  CHECK(a.at(0, "b") == "t");
  CHECK(a.at(0, "f") == "0.1");
  CHECK(a.at(0, "n") == std::nullopt);
  CHECK(a.at(0, 5) == "-5000000000");
  CHECK(a.name(5) == "m");
}

TEST_CASE("times may be as long as there are any") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  auto options = the_postgres().options();
  options.timeout = options.connect_timeout = options.cancel_timeout =
      std::chrono::milliseconds::max();
  clients::pg db(bridge, options);
  CHECK(db.call({"SELECT 1"}).at(0, 0) == "1");
}

TEST_CASE("bytes go there and back in binary, whatever they are") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  std::string all;
  for (int n = 0; n < 256; ++n) all.push_back(static_cast<char>(n));
  clients::pg_query query("SELECT $1::bytea", {pg_parameter::bytes(all)});
  query.binary = true;
  CHECK(db.call(query).at(0, 0) == all);
}

TEST_CASE("5 MB go there and back") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  const std::string large(5'000'000, 'x');
  CHECK(db.call({"SELECT $1::text", {large}}).at(0, 0) == large);
  CHECK(db.call("SELECT repeat('y', 5000000)").at(0, 0)->size() == 5'000'000);
}

TEST_CASE("a command says how many rows it has changed") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  db.call("CREATE TABLE fruit (what text)");
  CHECK(db.call({"INSERT INTO fruit VALUES ($1), ($2)", {"pears", "apples"}}).affected() == 2);
  CHECK(db.call("SELECT * FROM fruit").rows() == 2);
  CHECK(db.call("DELETE FROM fruit WHERE what = 'pears'").affected() == 1);
  CHECK(db.call("DROP TABLE fruit").affected() == 0);
}

TEST_CASE("an answer outlives the client, and says what it does not have") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  const auto a = clients::pg(bridge, the_postgres().options()).call("SELECT 1 AS one");
  CHECK(a.at(0, "one") == "1");
  CHECK_THROWS_AS(a.at(1, 0), std::out_of_range);
  CHECK_THROWS_AS(a.at(0, 1), std::out_of_range);
  CHECK_THROWS_AS(a.at(0, "two"), std::out_of_range);
  CHECK_THROWS_AS(a.name(1), std::out_of_range);
}

TEST_CASE("a query that the server refuses ends with the server's error, and the next one works") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  const auto pid = db.call("SELECT pg_backend_pid()");
  try {
    db.call({"SELECT 1 / $1::int", {0}});
    FAIL("it was answered");
  } catch (const clients::pg_error& e) {
    CHECK(e.sqlstate() == "22012");
    CHECK(e.result() == outcome::answered);
    CHECK(std::string(e.what()).find("division by zero") != std::string::npos);
  }
  CHECK(db.call("SELECT pg_backend_pid()").at(0, 0) == pid.at(0, 0));
}

TEST_CASE("a text parameter with a NUL in it is refused, and says what to do") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  CHECK_THROWS_WITH_AS(db.call({"SELECT $1::text", {"a\0b"s}}), doctest::Contains("bytes("),
                       std::invalid_argument);
}

TEST_CASE("a parameter whose size is no int is refused, and says how many bytes may be") {
  CHECK_NOTHROW(clients::detail::check_parameter_size(2'147'483'647));
  CHECK_THROWS_WITH_AS(clients::detail::check_parameter_size(2'147'483'648),
                       doctest::Contains("takes 2147483647"), std::invalid_argument);
}

TEST_CASE("a query with a NUL in it is refused, and not cut there") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  CHECK_THROWS_WITH_AS(db.call("SELECT 1\0 WHERE false"s), doctest::Contains("NUL"),
                       std::invalid_argument);
}

TEST_CASE("options that make no sense are refused, and not tried until the deadline") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  for (const int port : {0, -1, 65536})
    CHECK_THROWS_AS(clients::pg(bridge, {.port = port}), std::invalid_argument);
  CHECK_THROWS_AS(clients::pg(bridge, {.connect_timeout = std::chrono::milliseconds(0)}),
                  std::invalid_argument);
  CHECK_THROWS_AS(clients::pg(bridge, {.keepalive = std::chrono::seconds(-1)}),
                  std::invalid_argument);
}

TEST_CASE("what libpq itself refuses was not sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  try {
    db.call({"SELECT 1", std::vector<pg_parameter>(70'000, 1)});
    FAIL("it was answered");
  } catch (const clients::request_error& e) {
    CHECK(e.result() == outcome::not_sent);
  }
  CHECK(db.call("SELECT 1").at(0, 0) == "1");
}

TEST_CASE("a query that leaves a transaction open fails, and no other query runs in it") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  CHECK_THROWS_WITH_AS(db.call("BEGIN"), doctest::Contains("begin_for()"), clients::request_error);
  db.call("CREATE TABLE after_begin (n int)");
  CHECK(other.call("SELECT * FROM after_begin").rows() == 0);  // it is there
  db.call("DROP TABLE after_begin");
}

TEST_CASE("COPY is refused, and the next query works") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  CHECK_THROWS_WITH_AS(db.call("COPY (SELECT 1) TO STDOUT"), doctest::Contains("COPY"),
                       clients::request_error);
  CHECK(db.call("SELECT 1").at(0, 0) == "1");
}

TEST_CASE("four threads share two connections") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(2));
  std::set<std::string> both;
  {
    auto one = db.begin(), other = db.begin();  // at the same time: on a connection each
    for (auto* const t : {&one, &other}) {
      both.emplace(*t->call("SELECT pg_backend_pid()").at(0, 0));
      t->rollback();
    }
  }
  CHECK(both.size() == 2);
  std::atomic<int> right = 0;
  std::vector<std::set<std::string>> servers(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t n = 0; n < servers.size(); ++n) {
      threads.emplace_back([&, n]() noexcept {
        for (int i = 0; i < 50; ++i) {
          const auto a = db.call({"SELECT $1::int, pg_backend_pid()", {i}});
          right += a.at(0, 0) == std::to_string(i);
          servers[n].emplace(*a.at(0, 1));
        }
      });
    }
  }
  CHECK(right == 200);
  for (const auto& seen : servers)
    CHECK(std::includes(both.begin(), both.end(), seen.begin(), seen.end()));
}

TEST_CASE("a task awaits a query, on the loop where the client is") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  const auto sum = bridge.call([&]() -> loopbridge::task<std::string> {
    const auto one = co_await db.submit("SELECT 20");
    clients::pg_query next("SELECT $1::int + 22", {*one.at(0, 0)});
    const auto two = co_await db.submit(next);
    co_return std::string(*two.at(0, 0));
  });
  CHECK(sum == "42");
}

TEST_CASE("queries that wait are answered in the order in which they came") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  db.call("CREATE TABLE turns (n int, at serial)");
  std::vector<loopbridge::eventual<clients::pg_answer>> all;
  for (int n = 0; n < 20; ++n) all.push_back(db.submit({"INSERT INTO turns VALUES ($1)", {n}}));
  for (const auto& one : all) one.wait();
  CHECK(db.call("SELECT count(*) FROM turns WHERE at = n + 1").at(0, 0) == "20");
  db.call("DROP TABLE turns");
}

TEST_CASE("the host may be a name, or the directory of a socket") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  auto options = the_postgres().options();
  options.host = "localhost";
  CHECK(clients::pg(bridge, options).call("SELECT 1").at(0, 0) == "1");
  options.host = the_postgres().directory();
  CHECK(clients::pg(bridge, options).call("SELECT inet_server_addr()").at(0, 0) == std::nullopt);
}

TEST_CASE("a host's addresses are tried one after the other") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  auto options = the_postgres().options();
  // Nothing listens at the first two. libpq closes their sockets and opens others, of the same
  // number.
  options.parameters = {{"host", "a,b,c"}, {"hostaddr", "127.0.0.2,127.0.0.3,127.0.0.1"}};
  CHECK(clients::pg(bridge, options).call("SELECT 1").at(0, 0) == "1");
}

}  // namespace

TEST_CASE("a caller whose loop is held up beyond the deadline learns that nothing was sent") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options());
  const support::held_loop held(bridge);
  const auto late = std::chrono::milliseconds(1);
  CHECK(support::outcome_of([&] { db.call_for(late, "SELECT 1"); }) == outcome::not_sent);
  CHECK(support::outcome_of([&] { (void)db.begin_for(late); }) == outcome::not_sent);
}
