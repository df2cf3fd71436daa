// One connection to Redis, which all threads share: redis [HOST [PORT]].
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using loopbridge::clients::redis;

// [readme]
void visit(redis& r, int visitor) noexcept {
  try {
    const auto n = r.call_for(5s, {"INCR", "visits"}).integer();
    r.call_for(5s, {"SET", "visitor:" + std::to_string(n), std::to_string(visitor)});
  } catch (const loopbridge::error& e) {  // and whether the command may have been executed
    std::printf("visitor %d: %s\n", visitor, e.what());
  }
}
// [/readme]

int main(int argc, char** argv) try {
  loopbridge::bridge bridge;
  redis r(bridge, {.host = argc > 1 ? argv[1] : "127.0.0.1",
                   .port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 6379)});
  std::vector<std::thread> visitors;
  for (int n = 0; n < 4; ++n) visitors.emplace_back(visit, std::ref(r), n);
  for (std::thread& v : visitors) v.join();
  std::printf("visits: %s\n", r.call_for(5s, {"GET", "visits"}).text().c_str());
} catch (const loopbridge::error& e) {
  std::printf("%s\n", e.what());
  return 1;
}
