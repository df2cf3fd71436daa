// Calls through NATS, within one process.
#include "loopbridge/clients/nats_rpc.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/uv/delay.hpp"
#include "support/gate.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

c::nats_options local() {
  static support::nats_server running;
  return {.servers = {running.url()}};
}

/// A caller and a server with bridges and connections of their own.
struct both {
  loopbridge::bridge b;
  loopbridge::bridge far;
  c::nats_rpc caller{b, local()};
  c::nats_rpc server{far, local()};

  template <class F>
  c::nats_service serve(const std::string& subject, F f) {
    auto s = server.serve(subject, std::move(f));
    server.connection().flush_for(support::generous);
    return s;
  }
};

}  // namespace

TEST_CASE("a function is called on the far side's bridge, and its answer comes back") {
  const support::watchdog dog;
  both x;
  const auto s = x.serve("rpc.upper", [&](std::string text) {
    CHECK(x.far.on_loop_thread());
    for (char& letter : text) letter = static_cast<char>(letter - 'a' + 'A');
    return text;
  });
  CHECK(x.caller.remote_call_for(support::generous, "rpc.upper", "hello") == "HELLO");
  CHECK(x.caller.remote_submit_for(support::generous, "rpc.upper", "a").get() == "A");
  CHECK(x.caller.remote_call_for(support::generous, "rpc.upper", "").empty());
  const std::string bytes("\0\xff\r\n", 4);
  const auto same = x.serve("rpc.same", [](const std::string& text) { return text; });
  CHECK(x.caller.remote_call_for(support::generous, "rpc.same", bytes) == bytes);
}

TEST_CASE("what the far side throws, no far side, and one that is silent, are three errors") {
  const support::watchdog dog;
  both x;
  const auto bad = x.serve("rpc.bad", [](const std::string& text) -> std::string {
    throw std::runtime_error("no such thing:\r\n" + text);
  });
  const auto silent =
      x.serve("rpc.silent", [](const std::string&) -> loopbridge::task<std::string> {
        co_await loopbridge::delay(support::generous);
        co_return "late";
      });
  for (const bool later : {false, true}) {
    const auto call = [&](const std::string& subject, std::chrono::milliseconds timeout) {
      return later ? x.caller.remote_submit_for(timeout, subject, "x").get()
                   : x.caller.remote_call_for(timeout, subject, "x");
    };
    try {
      call("rpc.bad", support::generous);
      FAIL("it was answered");
    } catch (const c::remote_error& e) {
      CHECK(e.result() == c::outcome::answered);
      CHECK(std::string(e.what()).find("no such thing:  x") != std::string::npos);
    }
    try {
      call("rpc.nobody", support::generous);
      FAIL("it was answered");
    } catch (const c::no_responders& e) {
      CHECK(e.result() == c::outcome::not_sent);
    }
    try {
      call("rpc.silent", 50ms);
      FAIL("it was answered");
    } catch (const c::request_timed_out& e) {
      CHECK(e.result() == c::outcome::unknown);
    }
  }
}

TEST_CASE("a task serves many requests at once") {
  const support::watchdog dog;
  both x;
  std::atomic<int> begun = 0;
  const auto s = x.serve("rpc.many", [&](std::string text) -> loopbridge::task<std::string> {
    ++begun;
    while (begun < 20) co_await loopbridge::delay(1ms);  // until all are here
    co_return text + "!";
  });
  std::vector<loopbridge::eventual<std::string>> answers;
  for (int n = 0; n < 20; ++n) {
    answers.push_back(x.caller.remote_submit_for(support::generous, "rpc.many", std::to_string(n)));
  }
  for (int n = 0; n < 20; ++n) CHECK(answers[n].get() == std::to_string(n) + "!");
}

TEST_CASE("services of one queue share the requests; each is executed once") {
  const support::watchdog dog;
  both x;
  std::atomic<int> one = 0;
  std::atomic<int> two = 0;
  const auto first = x.serve("rpc.shared", [&](std::string) { return std::to_string(++one); });
  const auto second = x.serve("rpc.shared", [&](std::string) { return std::to_string(++two); });
  for (int n = 0; n < 200; ++n) x.caller.remote_call_for(support::generous, "rpc.shared", "");
  CHECK(one + two == 200);
  CHECK(one > 0);
  CHECK(two > 0);
}

TEST_CASE("draining answers what has come, and takes no more") {
  const support::watchdog dog;
  both x;
  const support::gate begun;
  std::atomic<bool> goes_on = false;
  auto s = x.serve("rpc.drained", [&](std::string text) -> loopbridge::task<std::string> {
    begun.open();
    while (!goes_on) co_await loopbridge::delay(1ms);
    co_return text;
  });
  auto under_way = x.caller.remote_submit_for(support::generous, "rpc.drained", "answered");
  REQUIRE(begun.wait());
  CHECK_THROWS_AS(s.drain_for(50ms), loopbridge::timed_out);
  CHECK_THROWS_AS(x.caller.remote_call_for(support::generous, "rpc.drained", ""), c::no_responders);
  goes_on = true;
  s.drain_for(support::generous);
  x.far.stop();
  CHECK(under_way.get() == "answered");
}

TEST_CASE("draining on the function's own loop is refused, as it would wait for itself") {
  const support::watchdog dog;
  both x;
  auto s = x.serve("rpc.own", [](std::string text) { return text; });
  CHECK_THROWS_AS(x.far.call([&] { s.drain_for(1s); }), loopbridge::would_deadlock);
}

TEST_CASE("the connection lasts until its services have answered") {
  const support::watchdog dog;
  loopbridge::bridge b;
  loopbridge::bridge far;
  c::nats_rpc caller(b, local());
  auto server = std::make_unique<c::nats_rpc>(far, local());
  auto s = server->serve("rpc.orphan", [](std::string text) { return text; });
  server->connection().flush_for(support::generous);
  server.reset();
  CHECK(caller.remote_call_for(support::generous, "rpc.orphan", "yes") == "yes");
  s = {};  // a request that comes now, and is not begun, is not answered
  CHECK_THROWS_AS(caller.remote_call_for(200ms, "rpc.orphan", ""), loopbridge::error);
}
