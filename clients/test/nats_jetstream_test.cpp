// What core NATS does not promise, by JetStream: stored, and delivered until it is acknowledged.
// Its API is requests like any others.
#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

#include "loopbridge/clients/nats.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

/// A request to JetStream; while its server is away or not ready, once more.
std::string ask(c::nats& n, const std::string& subject, const std::string& data,
                std::vector<std::pair<std::string, std::string>> headers = {}) {
  std::string answer;
  REQUIRE(support::comes_true([&] {
    try {
      answer = n.request_for(2s, {.subject = subject, .headers = headers, .data = data}).data;
      return true;
    } catch (const loopbridge::error&) {
      return false;
    }
  }));
  return answer;
}

}  // namespace

TEST_CASE("JetStream keeps what is published over its server's end, until it is acknowledged") {
  const support::watchdog dog;
  support::nats_server server("jetstream { store_dir: \"js\" }");
  loopbridge::bridge b;
  c::nats n(b, {.servers = {server.url()}});
  CHECK(ask(n, "$JS.API.STREAM.CREATE.ORDERS",
            R"({"name":"ORDERS","subjects":["orders.*"],"storage":"file"})")
            .find("\"error\"") == std::string::npos);
  // The answer is the acknowledgement: stored. The number makes a second attempt harmless.
  for (const char* const id : {"1", "2", "3", "3"}) {
    const std::string ack = ask(n, "orders.new", id, {{"Nats-Msg-Id", id}});
    CHECK(ack.find("\"stream\":\"ORDERS\"") != std::string::npos);
  }
  server.process().kill();
  server.process().start();

  std::mutex mutex;
  std::vector<std::string> seen;
  const auto sub = n.subscribe("work.orders", [&](const c::nats_message& m) {
    const std::lock_guard lock(mutex);
    seen.push_back(m.data);
    // The first time 2 comes it is not acknowledged, as by a program that has crashed.
    if (m.data == "2" && seen.size() == 2) return;
    n.publish({.subject = m.reply, .data = "+ACK"});
  });
  CHECK(ask(n, "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.W",
            R"({"stream_name":"ORDERS","config":{"durable_name":"W","ack_policy":"explicit",)"
            R"("deliver_subject":"work.orders","ack_wait":500000000}})")
            .find("\"error\"") == std::string::npos);
  REQUIRE(support::comes_true([&] {
    const std::lock_guard lock(mutex);
    return seen.size() >= 4;
  }));
  const std::lock_guard lock(mutex);
  CHECK(seen == std::vector<std::string>{"1", "2", "3", "2"});
}
