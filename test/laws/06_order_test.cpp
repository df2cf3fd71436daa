// Law 6: calls run in the order in which they were submitted: one order for all threads, so what
// happens before is run before.
#include <doctest/doctest.h>
#include <uv.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"

TEST_SUITE_BEGIN("law 6: order");

using loopbridge::bridge;

TEST_CASE("calls of all kinds from one thread run in the order of submission") {
  bridge b(support::with_each_doorbell());
  constexpr int n = 3000;
  std::vector<int> order;  // touched on the loop thread only
  std::vector<loopbridge::reentrant_call> prepaid;
  prepaid.reserve(n / 6);
  for (int i = 4; i < n; i += 6) {
    prepaid.emplace_back(b, [&order, i] { order.push_back(i); });
  }
  struct value {
    std::vector<int>* order;
    int i;
  };
  for (int i = 0; i < n; ++i) {
    switch (i % 6) {
      case 0:
        b.post([&order, i] { order.push_back(i); });
        break;
      case 1:
        (void)b.try_post([&order, i] { order.push_back(i); });
        break;
      case 2:
        (void)b.submit([&order, i] { order.push_back(i); });
        break;
      case 3: {
        const auto s = b.post_reentrant([](value v) { v.order->push_back(v.i); }, value{&order, i});
        if (s != loopbridge::status::accepted) b.call([&order, i] { order.push_back(i); });
        break;
      }
      case 4:
        (void)prepaid[std::size_t(i / 6)].post();
        break;
      case 5:
        b.call([&order, i] { order.push_back(i); });
        break;
    }
  }
  support::catch_up(b);
  REQUIRE(order.size() == n);
  for (int i = 0; i < n; ++i) CHECK(order[std::size_t(i)] == i);
}

TEST_CASE("what happens before in one thread runs before what happens after in another") {
  bridge b(support::with_each_doorbell());
  constexpr long rounds = 20'000;
  // Two threads take turns; each turn happens before the next, across threads.
  std::atomic<long> turn{0};
  std::vector<long> order;
  const auto player = [&](long parity) noexcept {
    for (long t = parity; t < rounds; t += 2) {
      while (turn.load(std::memory_order_acquire) != t) std::this_thread::yield();
      b.post([&order, t] { order.push_back(t); });
      turn.store(t + 1, std::memory_order_release);
    }
  };
  {
    std::jthread even(player, 0);
    std::jthread odd(player, 1);
  }
  support::catch_up(b);
  REQUIRE(order.size() == rounds);
  long misplaced = 0;
  for (long t = 0; t < rounds; ++t) misplaced += order[std::size_t(t)] != t;
  CHECK(misplaced == 0);
}

TEST_CASE("a uv_run nested in a callable goes on with the queue, in order") {
  bridge b(support::with_each_doorbell());
  std::vector<int> order;
  {
    support::held_loop held(b);
    b.post([&order](loopbridge::loop_ref loop) {
      order.push_back(0);
      // Each turn may end early, by time.
      for (int turns = 0; turns < 10 && order.size() < 10; ++turns) uv_run(loop, UV_RUN_NOWAIT);
      order.push_back(10);
    });
    for (int i = 1; i < 10; ++i) b.post([&order, i] { order.push_back(i); });
  }
  support::catch_up(b);  // perhaps within the nested run ...
  support::catch_up(b);  // ... but this is not
  REQUIRE(order.size() == 11);
  for (int i = 0; i <= 10; ++i) CHECK(order[std::size_t(i)] == i);
}
