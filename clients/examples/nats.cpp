// Publishes what stands on each line of the input, and prints what anybody publishes there.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <loopbridge/clients/nats.hpp>
#include <string>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  namespace c = loopbridge::clients;
  loopbridge::bridge bridge;
  c::nats n(bridge, {.servers = {argc > 1 ? argv[1] : "nats://127.0.0.1:4222"}});

  auto sub = n.subscribe("chat.*", [](const c::nats_message& m) {  // on the bridge's loop
    std::printf("%s: %s\n", m.subject.c_str(), m.data.c_str());
  });
  for (std::string line; std::getline(std::cin, line);) {
    n.publish({.subject = "chat.line", .data = line});
  }
  try {
    n.flush_for(5s);    // until the server has it all, ...
    sub.drain_for(5s);  // ... and what came back is printed
  } catch (const loopbridge::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
