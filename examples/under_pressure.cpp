// More work than the loop can do: bounded memory, a choice for each call, and a look inside.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

// [readme]
loopbridge::options bounded() {
  loopbridge::options opts;
  opts.capacity = 1000;  // calls that wait for the loop; posting the next one waits for room
  opts.when_full = loopbridge::when_full::block_for(5s);  // and then throws bridge_full
  opts.watchdog.callback = 100ms;  // tell of a callable that is stuck, while it is
  opts.watchdog.on_overdue = [](const loopbridge::overdue& o) {
    std::fprintf(stderr, "%s:%u blocks the loop\n", o.where.file, o.where.line);
  };
  return opts;
}

void measure(loopbridge::bridge& loop, std::atomic<double>& shown, double value) {
  // Old samples are worth nothing: this one takes the place of the oldest, rather than wait.
  loop.with(loopbridge::when_full::drop_oldest()).post([&shown, value] { shown = value; });
}

void report(const loopbridge::bridge& loop) {
  const loopbridge::statistics s = loop.stats();  // from any thread, at any time
  std::printf("run %llu, dropped %llu, queued %llu (at most %llu)\n",
              static_cast<unsigned long long>(s.run), static_cast<unsigned long long>(s.dropped),
              static_cast<unsigned long long>(s.queued),
              static_cast<unsigned long long>(s.most_queued));
}
// [/readme]

int main() {
  std::atomic<double> shown{0};
  std::atomic<int> counted{0};
  loopbridge::options opts = bounded();
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};  // of dropped samples
  loopbridge::bridge loop(std::move(opts));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int n = 0; n < 5000; ++n) loop.post([&] { ++counted; });
    });
  }
  for (std::thread& t : threads) t.join();
  loop.call([] {});
  if (counted != 20'000) return 1;  // whoever waited for room has got it
  for (int n = 1; n <= 5000; ++n) measure(loop, shown, n);
  loop.call([] {});
  report(loop);
  return shown == 5000 ? 0 : 1;
}
