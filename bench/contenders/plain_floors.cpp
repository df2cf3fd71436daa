// Floors that are not contenders: nothing is called through them.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "harness/echo.hpp"
#include "harness/entry.hpp"

namespace bench {
namespace {

/// The client of echo_round_trip, with the loop on the caller's own thread.
struct plain_client {
  explicit plain_client(effort e) : end(in_seconds(e.seconds)) {}

  std::vector<double> run() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    client.connect(&loop, server.port(), next, this);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    times.erase(times.begin(), times.begin() + 50);  // warm
    return echo_round_trip::summary(times, used);
  }

  static void next(void* data) {
    auto* const self = static_cast<plain_client*>(data);
    if (self->asked > 0) self->times.push_back(nanoseconds_since(self->start) / 1e3);
    if (self->asked == 50) self->before = costs::so_far();
    if (++self->asked > 100 && clock::now() > self->end) {
      self->used = costs::so_far() - self->before;
      return self->client.close([](void*) {}, nullptr);
    }
    self->start = clock::now();
    self->client.ask(next, self);
  }

  const clock::time_point end;
  echo_server server;
  echo_client client;
  int asked = 0;
  clock::time_point start;
  std::vector<double> times;
  costs before;
  costs used;
};

/// What a compare and swap that is tried until it succeeds takes, of all threads together.
double cas_ns(unsigned threads, effort e) {
  alignas(64) std::atomic<std::uint64_t> word{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> all;
  const auto time_limit = std::chrono::nanoseconds(static_cast<std::int64_t>(e.seconds * 1e9));
  clock::time_point end;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      go.wait(false);
      do {
        for (int n = 0; n < 1000; ++n) {
          std::uint64_t now = word.load(std::memory_order_relaxed);
          while (!word.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) {
          }
        }
      } while (clock::now() < end);
    });
  }
  const auto start = clock::now();
  end = start + time_limit;
  go.store(true);
  go.notify_all();
  for (std::thread& t : all) t.join();
  return nanoseconds_since(start) / static_cast<double>(word.load());
}

[[maybe_unused]] const bool entered = [] {
  const echo_round_trip echo;
  entry client{"floor: plain libuv", role::floor, {}};
  client.runs.push_back(
      {{echo.name(), echo.figures()}, [](effort e) { return plain_client(e).run(); }});
  field().push_back(client);

  entry cas{"floor: CAS", role::floor, {}};
  cas.runs.push_back(
      {{"compare and swap, until it succeeds",
        {{"1 thread", "ns"}, {"2 threads", "ns"}, {"4 threads", "ns"}}},
       [](effort e) { return std::vector<double>{cas_ns(1, e), cas_ns(2, e), cas_ns(4, e)}; }});
  field().push_back(cas);
  return true;
}();

}  // namespace
}  // namespace bench
