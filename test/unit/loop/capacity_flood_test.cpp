// options::capacity, in a flood on a loop that is stuck for a while: memory stays flat, every
// refusal is counted, I/O goes on.
#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "support/held_loop.hpp"
#include "support/memory.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("capacity: floods");

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::status;

namespace {

constexpr unsigned threads = 4;
constexpr unsigned long each = 20'000;
constexpr std::size_t capacity = 100;

/// A timer of the loop's that counts; closed by stop().
struct ticker {
  uv_timer_t timer{};
  std::atomic<int> ticks{0};
  void start(loopbridge::loop_ref loop) {
    uv_timer_init(loop, &timer);
    timer.data = this;
    uv_timer_start(&timer, [](uv_timer_t* t) { ++static_cast<ticker*>(t->data)->ticks; }, 1, 1);
  }
};

struct flood {
  std::atomic<unsigned long> accepted{0};
  std::atomic<unsigned long> refused{0};
  std::atomic<unsigned long> ran{0};
  std::atomic<long> most_bytes{0};

  auto call() {
    return [this, data = std::array<char, 100>{}] { ran += data[0] == 0 ? 1 : 0; };
  }
  void count(bool was_accepted, const support::counting_memory& memory) {
    ++(was_accepted ? accepted : refused);
    for (long now = memory.bytes_in_use(), most = most_bytes;
         now > most && !most_bytes.compare_exchange_weak(most, now);) {
    }
  }
};

}  // namespace

TEST_CASE(
    "a flood on a loop that is stuck takes no more memory than the capacity, and is counted") {
  const support::watchdog no_hang;
  support::counting_memory memory;
  flood f;
  {
    options opts;
    opts.capacity = capacity;
    opts.memory = &memory;
    bridge b(opts);
    support::held_loop held(b);
    const long before = memory.bytes_in_use();
    std::vector<std::thread> producers;
    for (unsigned t = 0; t < threads; ++t) {
      producers.emplace_back([&]() noexcept {
        for (unsigned long n = 0; n < each; ++n)
          f.count(b.try_post(f.call()) == status::accepted, memory);
      });
    }
    for (std::thread& t : producers) t.join();
    // A call is 100 bytes, a node and a place; as many again may be on their way in.
    const long per_call = 160;
    CHECK(f.most_bytes - before <= per_call * static_cast<long>(capacity + 2 * threads));
    CHECK(f.accepted + f.refused == threads * each);
    const loopbridge::statistics now = b.stats();
    CHECK(now.refused == f.refused);
    CHECK(now.queued >= capacity);
    CHECK(now.queued <= capacity + threads);
    CHECK(f.accepted == now.queued);
    // A handler's calls find their own slots free.
    for (int n = 0; n < 256; ++n) CHECK(b.post_reentrant([] {}) == status::accepted);
  }
  CHECK(f.ran == f.accepted);
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("when a turn is too short for all that it takes, twice the capacity is never exceeded") {
  const support::watchdog no_hang;
  bridge b(options{.capacity = capacity});
  std::atomic<long> accepted{0};
  long ran = 0;   // of the loop's thread
  long most = 0;  // accepted, and not begun
  std::vector<std::thread> producers;
  for (unsigned t = 0; t < threads; ++t) {
    producers.emplace_back([&]() noexcept {
      for (int n = 0; n < 500; ++n) {
        b.post([&] {
          most = std::max(most, accepted - ran);
          ++ran;
          const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
          while (std::chrono::steady_clock::now() < end) {
          }
        });
        ++accepted;
      }
    });
  }
  for (std::thread& p : producers) p.join();
  b.stop();
  CHECK(ran == 500 * threads);
  // Threads that submit at the very same moment may go beyond it by one each.
  CHECK(most <= static_cast<long>(2 * capacity + threads));
}

TEST_CASE("producers that wait for room flood the loop, and its I/O and timers go on") {
  const support::watchdog no_hang;
  ticker t;
  flood f;
  support::counting_memory memory;
  options opts;
  opts.capacity = capacity;
  opts.memory = &memory;
  opts.on_open_handle = [](const loopbridge::open_handle&) {};
  bridge b(opts);
  b.call([&](loopbridge::loop_ref loop) { t.start(loop); });
  const long bytes_before = memory.bytes_in_use();
  const int before = t.ticks;
  std::atomic<bool> enough{false};
  std::vector<std::thread> producers;
  for (unsigned n = 0; n < threads; ++n) {
    producers.emplace_back([&]() noexcept {
      while (!enough) {
        b.post(f.call());
        f.count(true, memory);
      }
    });
  }
  CHECK(support::comes_true([&] { return t.ticks >= before + 5; }));
  enough = true;
  for (std::thread& p : producers) p.join();
  b.stop();
  CHECK(f.refused == 0);
  CHECK(f.ran == f.accepted);
  // What runs, and as many again that wait.
  CHECK(f.most_bytes - bytes_before <= 160 * static_cast<long>(2 * capacity + 2 * threads));
}
