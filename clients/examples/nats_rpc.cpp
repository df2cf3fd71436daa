// With "serve": squares numbers, for as many processes as there are. Else: has one squared.
#include <cstdio>
#include <iostream>
#include <loopbridge/clients/nats_rpc.hpp>
#include <string>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  namespace c = loopbridge::clients;
  const std::string word = argc > 1 ? argv[1] : "serve";
  loopbridge::bridge bridge;
  c::nats_rpc rpc(bridge, {.servers = {argc > 2 ? argv[2] : "nats://127.0.0.1:4222"}});

  if (word == "serve") {
    auto service = rpc.serve("square", [](const std::string& text) {
      const double x = std::stod(text);  // what it throws, the caller gets
      return std::to_string(x * x);
    });
    std::cin.get();
    service.drain_for(5s);  // answers what has come, and takes no more
    return 0;
  }
  try {
    std::puts(rpc.remote_call_for(500ms, "square", word).c_str());
  } catch (const loopbridge::error& e) {  // no_responders, remote_error, request_timed_out ...
    std::puts(e.what());
    return 1;
  }
}
