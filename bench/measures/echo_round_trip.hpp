#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "harness/costs.hpp"
#include "harness/echo.hpp"
#include "harness/futex.hpp"
#include "harness/measure.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// 64 bytes to an echo server over TCP and back, for a caller that blocks while the loop does the
/// I/O. The floor is the same client in plain libuv, on its own thread's loop, with no bridge.
struct echo_round_trip {
  std::string name() const { return "64 bytes to a TCP echo server and back"; }
  std::vector<figure> figures() const {
    return {{"median", "us"}, {"mean", "us"}, {"p99", "us"},
            {"p99.9", "us"},  {"CPU", "us"},  {"switches", "each"}};
  }
  template <class C>
  static constexpr bool fits = on_libuv<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    echo_server server;
    C c;
    echo_client client;
    // Whoever has a way of its own to wait for what the loop only begins is asked by that.
    const auto await = [&c](auto&& begin) {
      if constexpr (requires { c.call_later(begin); }) {
        c.call_later(begin);
      } else {
        one_event done;
        c.post([&] { begin([](void* d) { static_cast<one_event*>(d)->set(); }, &done); });
        done.wait();
      }
    };
    uv_loop_t* loop = nullptr;
    c.with_loop([&](uv_loop_t* l) { loop = l; });
    await([&](echo_client::then t, void* d) { client.connect(loop, server.port(), t, d); });
    std::vector<double> times;
    costs before;
    clock::time_point end{};
    for (int n = 0; n < 100 || clock::now() < end; ++n) {
      if (n == 50) {  // warm
        times.clear();
        end = in_seconds(e.seconds);
        before = costs::so_far();
      }
      const auto start = clock::now();
      await([&](echo_client::then t, void* d) { client.ask(t, d); });
      times.push_back(nanoseconds_since(start) / 1e3);
    }
    const costs used = costs::so_far() - before;
    await([&](echo_client::then t, void* d) { client.close(t, d); });
    return summary(times, used);
  }

  static std::vector<double> summary(const std::vector<double>& us, const costs& used) {
    const auto calls = static_cast<double>(us.size());
    return {percentile(us, 50),        std::accumulate(us.begin(), us.end(), 0.0) / calls,
            percentile(us, 99),        percentile(us, 99.9),
            used.cpu_ns / 1e3 / calls, static_cast<double>(used.switches) / calls};
  }
};

}  // namespace bench
