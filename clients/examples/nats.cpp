// Publishes what stands on each line of the input, and prints what anybody publishes there.
#include <cstdio>
#include <iostream>
#include <loopbridge/clients/nats.hpp>

int main(int argc, char** argv) {
  namespace c = loopbridge::clients;
  loopbridge::bridge bridge;
  c::nats n(bridge, {.servers = {argc > 1 ? argv[1] : "nats://127.0.0.1:4222"}});

  const auto sub = n.subscribe("chat.*", [](const c::nats_message& m) {  // on the bridge's loop
    std::printf("%s: %s\n", m.subject.c_str(), m.data.c_str());
  });
  for (std::string line; std::getline(std::cin, line);) {
    n.publish({.subject = "chat.line", .data = line});
  }
  try {
    n.flush_for(std::chrono::seconds(5));  // until the server has it all
  } catch (const c::request_error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
