// Servers that are away, refuse, break off, and come back.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "support/outage.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace clients = loopbridge::clients;
using clients::outcome;
using support::generous;
using support::outcome_of;
using support::the_postgres;

TEST_CASE("where nothing listens a query waits for its deadline, and says what it waited for") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, {.port = support::free_port()});
  CHECK_THROWS_WITH_AS(db.submit_for(300ms, "SELECT 1").get(),
                       doctest::Contains("Connection refused"), clients::request_timed_out);
  CHECK(outcome_of([&] { db.submit_for(50ms, "SELECT 1").get(); }) == outcome::not_sent);
}

TEST_CASE("a name that is not known is no connection either") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, {.host = "missing.test", .dns = {.servers = "127.0.0.1:1"}});
  CHECK_THROWS_WITH_AS(db.submit_for(300ms, "SELECT 1").get(), doctest::Contains("missing.test"),
                       clients::request_timed_out);
}

TEST_CASE("a wrong password fails at once, with the server's words") {
  const support::watchdog dog;
  support::postgres server("scram-sha-256");
  loopbridge::bridge bridge;
  CHECK(clients::pg(bridge, server.options()).call("SELECT 1").at(0, 0) == "1");
  auto options = server.options();
  options.password = "guessed";
  clients::pg db(bridge, options);
  try {
    db.call("SELECT 1");
    FAIL("it was answered");
  } catch (const clients::pg_error& e) {
    CHECK(e.sqlstate() == "28P01");
    CHECK(e.result() == outcome::not_sent);
    CHECK(e.phase() == clients::phase::logging_in);
    CHECK(std::string(e.what()).find("password") != std::string::npos);
  }
}

TEST_CASE("a database that is not there fails at once") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  auto options = the_postgres().options();
  options.database = "nowhere";
  clients::pg db(bridge, options);
  CHECK_THROWS_AS(db.call("SELECT 1"), clients::pg_error);
}

TEST_CASE("what waits is served by connections that are in, where others are refused") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg admin(bridge, the_postgres().options(1));
  admin.call("CREATE ROLE guest LOGIN");
  auto options = the_postgres().options(2);
  options.user = "guest";
  clients::pg db(bridge, options);
  db.call("SELECT 1");
  admin.call("ALTER ROLE guest NOLOGIN");
  const auto running = db.submit("SELECT pg_sleep(600)");
  const auto waiting = db.submit("SELECT 2");  // for which a second connection is tried
  CHECK_THROWS_WITH_AS(db.submit_for(300ms, "SELECT 3").get(), doctest::Contains("log in"),
                       clients::request_timed_out);
  running.cancel();
  CHECK(waiting.get().at(0, 0) == "2");
  admin.call("DROP ROLE guest");
}

TEST_CASE("a query whose connection breaks is not sent again, and the next one works") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  clients::pg other(bridge, the_postgres().options(1));
  db.call("CREATE TABLE tries (n serial)");
  const std::string text = "SELECT nextval('tries_n_seq'), pg_sleep(600)";
  const auto broken = db.submit(text);
  REQUIRE(support::comes_true([&] {
    return other
               .call({"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1 "
                      "AND wait_event = 'PgSleep'",
                      {text}})
               .rows() > 0;
  }));
  CHECK(outcome_of([&] { broken.get(); }) == outcome::unknown);
  CHECK(db.call("SELECT last_value FROM tries_n_seq").at(0, 0) == "1");
  db.call("DROP TABLE tries");
}

TEST_CASE("a server that is killed under a query makes its outcome unknown, and comes back") {
  const support::watchdog dog;
  auto& server = the_postgres().process();
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(1));
  db.call("SELECT 1");
  const auto running = db.submit("SELECT pg_sleep(600)");
  const auto waiting = db.submit("SELECT 1");
  bridge.call([] {});
  server.kill();
  CHECK(outcome_of([&] { running.get(); }) == outcome::unknown);
  server.start();
  CHECK(waiting.get().at(0, 0) == "1");  // it had not been sent
}

/// Lets one client in, and breaks off in the middle of its first answer: by a reset.
class half_an_answer {
 public:
  half_an_answer() {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&a), size) == 0);
    REQUIRE(::getsockname(listening_, reinterpret_cast<sockaddr*>(&a), &size) == 0);
    REQUIRE(::listen(listening_, 1) == 0);
    port_ = ntohs(a.sin_port);
    thread_ = std::thread([this]() noexcept { serve(); });
  }
  ~half_an_answer() {
    thread_.join();
    ::close(listening_);
  }
  int port() const noexcept { return port_; }

 private:
  void serve() noexcept {
    const int fd = ::accept(listening_, nullptr, nullptr);
    char bytes[1024];
    (void)!::read(fd, bytes, sizeof bytes);  // who it is
    const std::string welcome = "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"s;
    (void)!::write(fd, welcome.data(), welcome.size());
    (void)!::read(fd, bytes, sizeof bytes);  // the query
    const std::string half = "1\0\0\0\x04\x32\0\0\0\x04T\0\0\0\x20\0\x01"s;
    (void)!::write(fd, half.data(), half.size());
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd);
  }

  const int listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::thread thread_;
};

TEST_CASE("a connection that is reset in the middle of an answer makes the outcome unknown") {
  const support::watchdog dog;
  half_an_answer server;
  loopbridge::bridge bridge;
  clients::pg db(bridge, {.port = server.port(),
                          .user = "test",
                          .connections = 1,
                          .timeout = generous,
                          .parameters = {{"sslmode", "disable"}}});
  CHECK(outcome_of([&] { db.call("SELECT 1"); }) == outcome::unknown);
}

TEST_CASE("options that make no sense are refused, and named") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  const auto refused = [&](const char* what, const clients::pg_options& o) {
    CHECK_THROWS_WITH_AS(clients::pg(bridge, o), doctest::Contains(what), std::invalid_argument);
  };
  refused("connections must", {.connections = 0});
  refused("connections must", {.connections = -1});
  refused("host must", {.host = ""});
  for (const int port : {-1, 0, 65536, 65536 + 5432}) refused("port must", {.port = port});
  refused("timeout, ", {.timeout = 0ms});
  refused("connect_timeout, ", {.connect_timeout = 0ms});
  refused("cancel_timeout, ", {.cancel_timeout = 0ms});
  refused("transaction_idle and", {.transaction_idle = -1ms});
  refused("keepalive must", {.keepalive = -1s});
  refused("zero byte in host", {.host = "127.0.0.1\0"s});
  refused(", user", {.user = "a\0b"s});
  refused(", password", {.password = "a\0b"s});
  refused(", database", {.database = "\0"s});
  refused("or parameters", {.parameters = {{"sslmode", "disable\0"s}}});
  refused("or parameters", {.parameters = {{"sslmode\0"s, "disable"}}});
  CHECK_THROWS_AS(clients::pg(bridge, {.dns = {.tries = 0}}), std::invalid_argument);
}

TEST_CASE("four threads go on through a server that is killed, restarted and frozen") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::pg db(bridge, the_postgres().options(4));
  support::check(support::run_outage("pg", the_postgres().process(), [&] {
    db.call_for(support::outage_deadline, {"SELECT $1::int", {1}});
  }));
}

}  // namespace
