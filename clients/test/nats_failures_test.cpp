// The client of NATS where something fails.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loopbridge/clients/nats.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/options.hpp"
#include "support/fake_server.hpp"
#include "support/gate.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

support::nats_server& server() {
  static support::nats_server running;
  return running;
}

c::nats_options local() {
  return {.servers = {server().url()}};
}

/// What a server says to one that logs in.
void let_in(support::fake_connection& s) {
  s.write(
      "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"proto\":1,\"host\":\"127.0.0.1\","
      "\"port\":1,\"headers\":true,\"max_payload\":1048576}\r\n");
  s.read_until("PING\r\n");
  s.write("PONG\r\n");
}

}  // namespace

TEST_CASE("a request that nobody serves fails at once, and was not executed") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  try {
    n.request_for(support::generous, {.subject = "nobody"});
    FAIL("it was answered");
  } catch (const c::no_responders& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(std::string(e.what()).find("nobody is subscribed to nobody") != std::string::npos);
  }
}

TEST_CASE("a request that is not answered ends at its deadline, and a late answer is dropped") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  std::string reply;
  const support::gate asked;
  const auto silent = n.subscribe("silent", [&](const c::nats_message& m) {
    reply = m.reply;
    asked.open();
  });
  n.flush_for(support::generous);
  auto wanted = n.submit_request_for(100ms, {.subject = "silent"});
  REQUIRE(asked.wait());
  try {
    wanted.get();
    FAIL("it was answered");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::unknown);
    CHECK(std::string(e.what()).find("nats 127.0.0.1:") == 0);
  }
  n.publish({.subject = reply, .data = "late"});
  n.publish({.subject = reply, .data = "twice"});
  n.flush_for(support::generous);
  CHECK_THROWS_AS(n.request_for(10s, {.subject = "nobody"}), c::no_responders);  // goes on
}

TEST_CASE("what makes no sense is refused where it is given") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  for (const char* subject : {"", "a b", "a..b", "a.*", ">", ".a", "a\r\nPING"}) {
    CHECK_THROWS_AS(n.publish({.subject = subject}), std::invalid_argument);
  }
  CHECK_THROWS_AS(n.publish({.subject = "a", .headers = {{"A", "b\r\nc"}}}), std::invalid_argument);
  CHECK_THROWS_AS(n.publish({.subject = "a", .headers = {{"A:", "b"}}}), std::invalid_argument);
  CHECK_THROWS_AS(n.subscribe("a.>.b", [](auto&&) {}), std::invalid_argument);
  CHECK_THROWS_AS(n.subscribe("a", nullptr), std::invalid_argument);
  try {
    n.submit_publish({.subject = "a", .data = std::string(9'000'000, 'x')}).get();
    FAIL("it was sent");
  } catch (const c::request_error& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(std::string(e.what()).find("max_payload is 8388608 bytes") != std::string::npos);
  }
}

TEST_CASE("a wrong password fails what waits at once, and says so") {
  const support::watchdog dog;
  support::nats_server guarded("authorization { user: u, password: right }");
  loopbridge::bridge b;
  c::nats wrong(b, {.servers = {guarded.url()}, .user = "u", .password = "wrong"});
  try {
    wrong.request_for(support::generous, {.subject = "a"});
    FAIL("it was let in");
  } catch (const c::request_error& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(e.phase() == c::phase::logging_in);
    CHECK(std::string(e.what()).find("password") != std::string::npos);
  }
  c::nats right(b, {.servers = {guarded.url()}, .user = "u", .password = "right"});
  right.flush_for(support::generous);
}

TEST_CASE("a password and a name may hold quotes and backslashes") {
  const support::watchdog dog;
  support::nats_server guarded(R"(authorization { user: u, password: "a\"b\\c" })");
  loopbridge::bridge b;
  c::nats n(b, {.servers = {guarded.url()},
                .user = "u",
                .password = "a\"b\\c",
                .name = "\"x\", \"pedantic\": true\n"});
  n.flush_for(support::generous);
}

TEST_CASE("a request whose deadline passes while the loop is blocked is not sent by its thread") {
  const support::watchdog dog;
  const support::gate lets_in;
  const support::gate goes_on;
  const support::gate flushed;
  std::string seen;
  const support::fake_server slow([&](support::fake_connection& s) {
    if (!lets_in.wait()) return;
    let_in(s);
    seen = s.read_until("PING\r\n");  // of the flush
    s.write("PONG\r\n");
    flushed.open();
    s.read_until("never");
  });
  loopbridge::bridge b;
  c::nats n(b, {.servers = {"nats://127.0.0.1:" + std::to_string(slow.port())},
                .connect_timeout = support::generous});
  auto late = n.submit_request_for(50ms, {.subject = "late"});
  const auto due = std::chrono::steady_clock::now() + 50ms;
  b.call([] {});  // it waits for a connection
  b.post([&] { (void)goes_on.wait(); });
  std::this_thread::sleep_until(due);
  lets_in.open();
  REQUIRE(support::comes_true([&] { return n.is_connected(); }));
  goes_on.open();
  try {
    std::move(late).get();
    FAIL("it was answered");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::not_sent);
  }
  n.flush_for(support::generous);
  REQUIRE(flushed.wait());
  CHECK(seen.find("PUB late") == std::string::npos);
}

TEST_CASE("no server: not sent, and the error says why") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, {.servers = {"nats://u:secret@127.0.0.1:" + std::to_string(support::free_port())}});
  try {
    n.request_for(50ms, {.subject = "a"});
    FAIL("it was answered");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(e.phase() == c::phase::connecting);
    CHECK(std::string(e.what()).find("secret") == std::string::npos);
  }
}

TEST_CASE("a server that accepts and is silent does not hold up the loop, nor the destructor") {
  const support::watchdog dog;
  const support::fake_server silent([](support::fake_connection& s) { s.read_until("never"); });
  loopbridge::bridge b;
  c::nats n(b, {.servers = {"nats://127.0.0.1:" + std::to_string(silent.port())},
                .connect_timeout = support::generous});
  REQUIRE(support::comes_true([&] { return silent.accepted() > 0; }));
  b.call([] {});
  CHECK_THROWS_AS(n.request_for(50ms, {.subject = "a"}), c::request_timed_out);
}

TEST_CASE("a request whose deadline passes before there is a connection is not sent later") {
  const support::watchdog dog;
  const support::gate lets_in;
  std::string seen;
  const support::gate flushed;
  const support::fake_server slow([&](support::fake_connection& s) {
    if (!lets_in.wait()) return;
    let_in(s);
    seen = s.read_until("PING\r\n");  // of the flush
    s.write("PONG\r\n");
    flushed.open();
    s.read_until("never");
  });
  loopbridge::bridge b;
  c::nats n(b, {.servers = {"nats://127.0.0.1:" + std::to_string(slow.port())},
                .connect_timeout = support::generous});
  try {
    n.request_for(30ms, {.subject = "late"});
    FAIL("it was answered");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::not_sent);
  }
  lets_in.open();
  n.publish({.subject = "kept"});
  n.flush_for(support::generous);
  REQUIRE(flushed.wait());
  CHECK(seen.find("PUB kept") != std::string::npos);
  CHECK(seen.find("PUB late") == std::string::npos);
}

TEST_CASE("a server that answers no ping any more is given up, and connected to anew") {
  const support::watchdog dog;
  const support::fake_server silent([](support::fake_connection& s) {
    let_in(s);
    s.read_until("never");
  });
  loopbridge::bridge b;
  c::nats n(
      b, {.servers = {"nats://127.0.0.1:" + std::to_string(silent.port())}, .ping_interval = 20ms});
  CHECK(support::comes_true([&] { return silent.accepted() >= 3; }));
}

TEST_CASE("a connection lost in the middle of a message: the next one begins afresh") {
  const support::watchdog dog;
  std::atomic<int> logins = 0;
  const support::fake_server half([&](support::fake_connection& s) {
    let_in(s);
    const bool first = logins++ == 0;
    for (;;) {  // until its subscription comes, whose number the message names
      const std::string line = s.read_until("\r\n");
      if (line.empty()) return;
      if (line.starts_with("SUB half")) {
        const std::string sid =
            line.substr(line.rfind(' ') + 1, line.size() - 2 - line.rfind(' ') - 1);
        s.write(first ? "MSG half " + sid + " 100\r\nonly so much"
                      : "MSG half " + sid + " 5\r\nwhole\r\n");
        if (first) return s.reset();
      }
    }
  });
  loopbridge::bridge b;
  const support::gate arrived;
  std::string seen;
  c::nats n(b, {.servers = {"nats://127.0.0.1:" + std::to_string(half.port())}});
  const auto sub = n.subscribe("half", [&](const c::nats_message& m) {
    seen = m.data;
    arrived.open();
  });
  REQUIRE(arrived.wait());
  CHECK(seen == "whole");
  CHECK(logins == 2);
}

TEST_CASE("a client that goes, or whose bridge stops, fails what waits; cancelled is cancelled") {
  const support::watchdog dog;
  auto b = std::make_unique<loopbridge::bridge>();
  auto n = std::make_unique<c::nats>(*b, local());
  c::nats other(*b, local());
  const auto silent = other.subscribe("mute", [](auto&&) {});
  other.flush_for(support::generous);
  auto one = n->submit_request_for(support::generous, {.subject = "mute"});
  auto two = other.submit_request_for(support::generous, {.subject = "mute"});
  auto three = other.submit_request_for(support::generous, {.subject = "mute"});
  CHECK(three.cancel());
  n.reset();
  CHECK_THROWS_AS(one.get(), c::request_error);
  b->stop();
  CHECK_THROWS_AS(two.get(), loopbridge::error);
  CHECK_THROWS_AS(three.get(), loopbridge::cancelled);
  CHECK_THROWS_AS(other.publish({.subject = "a"}), loopbridge::bridge_stopped);
  b.reset();
}
