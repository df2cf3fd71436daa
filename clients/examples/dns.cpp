// The addresses of names, all looked up at once, without a thread for each: dns [@SERVER] NAME...
#include <chrono>
#include <cstdio>
#include <loopbridge/clients/dns.hpp>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using loopbridge::clients::dns;

int main(int argc, char** argv) {
  loopbridge::bridge bridge;
  const bool server = argc > 1 && argv[1][0] == '@';  // or else whom the system asks
  dns names(bridge, {.servers = server ? argv[1] + 1 : ""});
  std::vector<std::pair<std::string, loopbridge::eventual<dns::addresses>>> all;
  for (int n = server ? 2 : 1; n < argc; ++n)
    all.emplace_back(argv[n], names.submit_for(2s, argv[n]));
  for (auto& [name, answer] : all) {
    try {
      for (const std::string& a : answer.get()) std::printf("%s: %s\n", name.c_str(), a.c_str());
    } catch (const loopbridge::error& e) {
      std::printf("%s: %s\n", name.c_str(), e.what());
    }
  }
}
