#include "loopbridge/clients/dns.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "loopbridge/bridge.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "support/dnsmasq.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/outage.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace clients = loopbridge::clients;
using clients::outcome;
using support::dnsmasq;
using support::generous;
using support::outcome_of;

clients::dns::addresses sorted(clients::dns::addresses all) {
  std::sort(all.begin(), all.end());
  return all;
}
const clients::dns::addresses both{"10.1.2.3", "fd00::1"};

/// A name of /etc/hosts that c-ares does not know by itself, with one of its addresses.
std::optional<std::pair<std::string, std::string>> name_in_hosts() {
  std::ifstream hosts("/etc/hosts");
  for (std::string line; std::getline(hosts, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address, name;
    while (words >> address >> name) {
      if (name.find("localhost") == std::string::npos) return std::pair{name, address};
    }
  }
  return std::nullopt;
}

TEST_CASE("a name has the addresses that the server knows, IPv4's and IPv6's") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  CHECK(sorted(names.call("example.test")) == both);
  CHECK(sorted(names.call_for(generous, "www.example.test")) == both);
}

TEST_CASE("a host that is an address is its own answer, without a server") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::dns names(bridge, {.servers = "127.0.0.1:1"});
  CHECK(names.call("10.9.8.7") == clients::dns::addresses{"10.9.8.7"});
  CHECK(names.call("::1") == clients::dns::addresses{"::1"});
}

TEST_CASE("/etc/hosts is asked first") {
  const support::watchdog dog;
  const auto known = name_in_hosts();
  if (!known) {
    MESSAGE("not tested: /etc/hosts has no name beside localhost");
    return;
  }
  loopbridge::bridge bridge;
  clients::dns names(bridge, {.servers = "127.0.0.1:1"});
  const auto found = names.call(known->first);
  CHECK(std::find(found.begin(), found.end(), known->second) != found.end());
}

TEST_CASE("a name that the server does not know is no_such_name, an answer") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  CHECK_THROWS_AS(names.call("missing.test"), clients::no_such_name);
  CHECK(outcome_of([&] { names.call("missing.test"); }) == outcome::answered);
}

TEST_CASE("a server that refuses to answer is as good as none") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  CHECK(outcome_of([&] { names.call("elsewhere.example"); }) == outcome::unknown);
}

TEST_CASE("where nothing listens a look-up fails at once, and says whom it asked") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  const std::string nobody = "127.0.0.1:" + std::to_string(support::free_port());
  clients::dns names(bridge, {.servers = nobody, .first_try = generous});
  CHECK_THROWS_WITH_AS(names.call_for(generous, "example.test"), doctest::Contains(nobody.c_str()),
                       clients::request_error);
}

TEST_CASE("the deadline ends a look-up that a frozen server does not answer") {
  const support::watchdog dog;
  dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  server.process.freeze();
  CHECK_THROWS_AS(names.submit_for(50ms, "example.test").get(), clients::request_timed_out);
  CHECK(outcome_of([&] { names.submit_for(300ms, "example.test").get(); }) == outcome::unknown);
  server.process.thaw();
  CHECK(sorted(names.call_for(generous, "example.test")) == both);
}

TEST_CASE("a server that loses a question is asked again") {
  const support::watchdog dog;
  dnsmasq server;
  loopbridge::bridge bridge;
  auto options = server.options();
  options.first_try = 50ms;
  options.tries = 2;
  clients::dns names(bridge, options);
  server.process.freeze();
  // Its own deadline is far: c-ares has given up after 50 ms and 100 ms.
  CHECK_THROWS_AS(names.call_for(generous, "example.test"), clients::request_timed_out);
}

TEST_CASE("a timeout may be as long as there is any") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  auto options = server.options();
  options.timeout = std::chrono::milliseconds::max();
  clients::dns names(bridge, options);
  CHECK(sorted(names.call("example.test")) == both);
}

TEST_CASE("50 look-ups run at once") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  std::vector<loopbridge::eventual<clients::dns::addresses>> all;
  for (int n = 0; n < 50; ++n)
    all.push_back(names.submit_for(generous, "h" + std::to_string(n) + ".example.test"));
  for (auto& one : all) CHECK(sorted(one.get()) == both);
}

TEST_CASE("four threads use one client") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) {
      threads.emplace_back([&]() noexcept {
        for (int i = 0; i < 25; ++i)
          right += sorted(names.call_for(generous, "example.test")) == both;
      });
    }
  }
  CHECK(right == 100);
}

TEST_CASE("a task awaits a look-up, on the loop where the client is") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  const auto found = bridge.call([&]() -> loopbridge::task<clients::dns::addresses> {
    co_return co_await names.submit("example.test");
  });
  CHECK(sorted(found) == both);
}

TEST_CASE("a look-up whose deadline passes before the loop comes to it asks nobody") {
  const support::watchdog dog;
  const dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  support::gate held, go;
  bridge.post([&] {
    held.open();
    (void)go.wait();
  });
  REQUIRE(held.wait());
  const auto late = names.submit_for(0ms, "example.test");
  go.open();
  CHECK(outcome_of([&] { late.get(); }) == outcome::not_sent);
}

TEST_CASE("what is under way when the client is destroyed fails") {
  const support::watchdog dog;
  dnsmasq server;
  loopbridge::bridge bridge;
  auto names = std::make_unique<clients::dns>(bridge, server.options());
  server.process.freeze();
  std::vector<loopbridge::eventual<clients::dns::addresses>> all;
  for (int n = 0; n < 20; ++n)
    all.push_back(names->submit_for(generous, "h" + std::to_string(n) + ".example.test"));
  bridge.call([] {});
  names.reset();
  for (auto& one : all) CHECK_THROWS_AS(one.get(), clients::request_error);
}

TEST_CASE("what is under way when the bridge stops fails, and the client may go afterwards") {
  const support::watchdog dog;
  dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  server.process.freeze();
  const auto one = names.submit_for(generous, "example.test");
  bridge.call([] {});
  bridge.stop();
  CHECK_THROWS_AS(one.get(), loopbridge::error);
  CHECK_THROWS_AS(names.call("example.test"), loopbridge::bridge_stopped);
}

TEST_CASE("options that make no sense are refused, with what is wrong") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  CHECK_THROWS_WITH_AS(clients::dns(bridge, {.servers = "nowhere"}), doctest::Contains("nowhere"),
                       std::invalid_argument);
  for (const std::string servers :
       {"10.0.0.1:0", "10.0.0.1,10.0.0.2:65536", "[fd00::1]:99999", "10.0.0.1:5x"})
    CHECK_THROWS_WITH_AS(clients::dns(bridge, {.servers = servers}),
                         doctest::Contains("ports of 1 to 65535"), std::invalid_argument);
  CHECK_THROWS_AS(clients::dns(bridge, {.servers = std::string("10.0.0.1\0x", 10)}),
                  std::invalid_argument);
  CHECK_NOTHROW(clients::dns(bridge, {.servers = "10.0.0.1:65535,fd00::1,[fd00::1]:1"}));
  CHECK_THROWS_AS(clients::dns(bridge, {.timeout = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(clients::dns(bridge, {.first_try = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(clients::dns(bridge, {.first_try = 2min}), std::invalid_argument);
  CHECK_THROWS_AS(clients::dns(bridge, {.tries = 0}), std::invalid_argument);
  CHECK_THROWS_AS(clients::dns(bridge, {.tries = 11}), std::invalid_argument);
  // Not as "localhost", which is all that c-ares would see of it.
  CHECK_THROWS_AS(clients::dns(bridge).call(std::string("localhost\0.example.org", 22)),
                  std::invalid_argument);
}

TEST_CASE("four threads go on through a server that is killed, restarted and frozen") {
  const support::watchdog dog;
  dnsmasq server;
  loopbridge::bridge bridge;
  clients::dns names(bridge, server.options());
  support::check(support::run_outage(
      "dns", server.process, [&] { names.call_for(support::outage_deadline, "example.test"); }));
}

}  // namespace

TEST_CASE("a caller whose loop is held up beyond the deadline learns that nobody was asked") {
  const support::watchdog dog;
  loopbridge::bridge bridge;
  clients::dns names(bridge, {.servers = "127.0.0.1:1"});
  const support::held_loop held(bridge);
  CHECK(outcome_of([&] { names.call_for(1ms, "example.test"); }) == outcome::not_sent);
}
