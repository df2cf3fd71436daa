// The client against servers that are away, slow, silent, or break off.
#include <doctest/doctest.h>
#include <netdb.h>

#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <string>

#include "support/redis_of_a_peer.hpp"
#include "support/redis_server.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("redis: faults");

namespace {

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::clients::outcome;
using loopbridge::clients::phase;
using loopbridge::clients::redis;
using loopbridge::clients::redis_options;
using loopbridge::clients::redis_reply;
using loopbridge::clients::request_error;
using loopbridge::clients::request_timed_out;
using support::answer;
using support::at;
using support::failure_of;
using fixture = support::redis_of_a_peer;

bool has_address(const char* host, int family) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = family;
  if (::getaddrinfo(host, nullptr, &hints, &found) != 0) return false;
  ::freeaddrinfo(found);
  return true;
}

}  // namespace

TEST_CASE("a command that was sent and not answered fails as unknown, and is never sent again") {
  fixture f;
  f.let_in();
  const answer lost = f.r->submit({"INCR", "n"});
  f.server.read_until("INCR\r\n$1\r\nn\r\n");
  f.server.reset();
  CHECK(failure_of(lost) == std::pair(outcome::unknown, phase::waiting));
  f.let_in();
  const answer next = f.r->submit({"ECHO", "x"});
  CHECK(f.server.read_until("x\r\n") == "*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n");
  f.server.send("$1\r\nx\r\n");
  CHECK(next.get().text() == "x");
}

TEST_CASE("commands that were not sent wait for the next connection") {
  fixture f;
  const answer waits = f.r->submit({"ECHO", "x"});
  f.server.accept();
  f.server.read_until("PING\r\n");  // no command before the log-in is answered
  f.server.reset();
  f.let_in();
  CHECK(f.server.read_until("x\r\n") == "*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n");
  f.server.send("$1\r\nx\r\n");
  CHECK(waits.get().text() == "x");
}

TEST_CASE("a connection that breaks in the middle of an answer leaves nothing to the next") {
  fixture f;
  f.let_in();
  const answer lost = f.r->submit({"GET", "k"});
  const answer behind = f.r->submit({"GET", "l"});
  f.server.read_until("l\r\n");
  f.server.send("*2\r\n$5\r\nhe");
  f.server.close();
  CHECK(failure_of(lost).first == outcome::unknown);
  CHECK(failure_of(behind).first == outcome::unknown);
  f.let_in();
  const answer next = f.r->submit({"GET", "m"});
  f.server.read_until("m\r\n");
  f.server.send("$5\r\nllo!!\r\n");
  CHECK(next.get().text() == "llo!!");
}

TEST_CASE("answers that arrive byte by byte are whole") {
  fixture f;
  f.let_in();
  const answer a = f.r->submit({"GET", "k"});
  f.server.read_until("k\r\n");
  for (const char byte : std::string("*3\r\n$4\r\na\r\nb\r\n*1\r\n:-7\r\n$-1\r\n"))
    f.server.send(std::string(1, byte));
  const auto all = a.get().array();
  REQUIRE(all.size() == 3);
  CHECK(all[0].text() == "a\r\nb");
  CHECK(all[1].array()[0].integer() == -7);
  CHECK(all[2].is_nil());
}

TEST_CASE("what is no answer of Redis ends the connection, and is told") {
  fixture f;
  f.let_in();
  const answer a = f.r->submit({"GET", "k"});
  f.server.read_until("k\r\n");
  f.server.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK_THROWS_WITH_AS(a.get(), doctest::Contains("Protocol error"), request_error);
  CHECK(f.server.is_closed_in_time());
}

TEST_CASE("an answer that nobody asked for ends the connection") {
  fixture f;
  f.let_in();
  f.server.send("+OK\r\n");
  CHECK(f.server.is_closed_in_time());
}

TEST_CASE("a late answer is for nobody, and the next command has its own") {
  fixture f;
  f.let_in();
  const answer late = f.r->submit_for(20ms, {"GET", "k"});
  f.server.read_until("k\r\n");
  CHECK(failure_of<request_timed_out>(late) == std::pair(outcome::unknown, phase::waiting));
  const answer next = f.r->submit({"GET", "l"});
  f.server.read_until("l\r\n");
  f.server.send("+late\r\n+next\r\n");
  CHECK(next.get().text() == "next");
}

TEST_CASE("a connection that says nothing is given up, and another one made") {
  fixture f(30ms);
  f.let_in();
  const answer silent = f.r->submit_for(60ms, {"GET", "k"});
  f.server.read_until("k\r\n");
  const answer behind = f.r->submit({"GET", "l"});
  CHECK(failure_of<request_timed_out>(silent).first == outcome::unknown);
  CHECK_THROWS_WITH_AS(behind.get(), doctest::Contains("said nothing for 30 ms"), request_error);
  f.let_in();
  const answer next = f.r->submit({"GET", "m"});
  f.server.read_until("m\r\n");
  f.server.send("+m\r\n");
  CHECK(next.get().text() == "m");
}

TEST_CASE("a server that accepts and does not answer the log-in is tried again") {
  const support::watchdog watchdog;
  support::peer server;
  bridge b;
  auto options = at(server.port());
  options.connect_timeout = 30ms;
  redis r(b, options);
  server.accept();
  CHECK(server.is_closed_in_time());
  server.accept();
  CHECK(server.is_closed_in_time());
}

TEST_CASE("a server that loads its data is waited for") {
  fixture f;
  const answer waits = f.r->submit({"ECHO", "x"});
  f.server.accept();
  f.server.read_until("PING\r\n");
  f.server.send("-LOADING Redis is loading the dataset in memory\r\n");
  f.let_in();
  f.server.read_until("x\r\n");
  f.server.send("+x\r\n");
  CHECK(waits.get().text() == "x");
}

TEST_CASE("a command whose deadline passes while the server is away is not sent when it is back") {
  const support::watchdog watchdog;
  support::redis_server server;
  server.process().kill();
  bridge b;
  redis r(b, server.options());
  try {
    (void)r.submit_for(50ms, {"SET", "k", "x"}).get();
    FAIL("nobody can have answered");
  } catch (const request_timed_out& e) {
    CHECK(e.result() == outcome::not_sent);
    CHECK(std::string(e.what()).find("Connection refused") != std::string::npos);
  }
  server.process().start();
  CHECK(r.call_for(20s, {"GET", "k"}).is_nil());
}

TEST_CASE("a command that is cancelled while the server is away is not sent when it is back") {
  const support::watchdog watchdog;
  support::redis_server server;
  server.process().kill();
  bridge b;
  redis r(b, server.options());
  const answer given_up = r.submit_for(20s, {"SET", "k", "x"});
  b.call([] {});  // it is in the client's queue
  CHECK(given_up.cancel());
  server.process().start();
  CHECK(r.call_for(20s, {"GET", "k"}).is_nil());
}

TEST_CASE("a host that has no address is told, with the name") {
  const support::watchdog watchdog;
  bridge b;
  redis_options options;
  options.host = std::string(300, 'x');  // too long to be looked up
  redis r(b, options);
  CHECK_THROWS_WITH_AS(r.submit_for(50ms, {"PING"}).get(), doctest::Contains("not sent"),
                       request_timed_out);
}

TEST_CASE("a host that is a name is looked up, and each of its addresses tried") {
  const support::watchdog watchdog;
  bridge b;
  // Where localhost has both addresses, in whatever order, one of them refuses each time.
  for (const bool version_6 : {false, true}) {
    if (version_6 && !has_address("localhost", AF_INET6)) continue;
    support::peer server(version_6);
    if (!server.is_listening()) continue;
    auto options = at(server.port());
    options.host = "localhost";
    redis r(b, options);
    const answer a = r.submit({"ECHO", "x"});
    server.accept();
    server.read_until("PING\r\n");
    server.send("+PONG\r\n");
    server.read_until("x\r\n");
    server.send("+x\r\n");
    CHECK(a.get().text() == "x");
  }
}
