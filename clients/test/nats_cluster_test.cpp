// Calls through a cluster of three nodes, which are killed in turn.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "loopbridge/clients/nats_rpc.hpp"
#include "loopbridge/options.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

std::vector<int> free_ports(std::size_t count) {
  std::set<int> different;
  while (different.size() < count) different.insert(support::free_port());
  return {different.begin(), different.end()};
}

}  // namespace

TEST_CASE("the nodes of a cluster are killed in turn: calls go on through the others") {
  const support::watchdog dog;
  const std::vector<int> ports = free_ports(6);
  std::vector<std::unique_ptr<support::nats_server>> nodes;
  std::string routes;
  for (int n = 3; n < 6; ++n) routes += "nats://127.0.0.1:" + std::to_string(ports[n]) + ", ";
  for (int n = 0; n < 3; ++n) {
    nodes.push_back(std::make_unique<support::nats_server>(
        "server_name: n" + std::to_string(n) + "\ncluster { name: c, host: 127.0.0.1, port: " +
            std::to_string(ports[n + 3]) + ", routes: [ " + routes + "] }",
        ports[n]));
  }
  loopbridge::options quiet;  // answers that cannot be given
  quiet.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  loopbridge::bridge b;
  loopbridge::bridge far(quiet);
  c::nats_rpc caller(b, {.servers = {nodes[0]->url(), nodes[1]->url(), nodes[2]->url()}});
  c::nats_rpc server(far, {.servers = {nodes[1]->url(), nodes[2]->url(), nodes[0]->url()}});
  const auto s = server.serve("cluster", [](std::string text) { return text; });

  std::atomic<bool> over = false;
  std::atomic<int> wrong = 0;
  std::array<std::atomic<int>, 4> answers{};
  std::array<std::thread, 4> threads;
  for (std::size_t t = 0; t < threads.size(); ++t) {
    threads[t] = std::thread([&, t]() noexcept {
      while (!over) {
        try {
          wrong += caller.remote_call_for(500ms, "cluster", std::to_string(t)) != std::to_string(t);
          ++answers[t];
        } catch (const loopbridge::error&) {
        } catch (...) {
          ++wrong;
        }
      }
    });
  }
  const auto all_go_on = [&] {
    std::array<int, 4> before;
    for (std::size_t t = 0; t < before.size(); ++t) before[t] = answers[t];
    REQUIRE(support::comes_true([&] {
      for (std::size_t t = 0; t < before.size(); ++t) {
        if (answers[t] < before[t] + 20) return false;
      }
      return true;
    }));
  };
  all_go_on();
  for (auto& node : nodes) {
    node->process().kill();
    all_go_on();
    node->process().start();
    all_go_on();
  }
  over = true;
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}
