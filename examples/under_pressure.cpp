// More work than the loop can do: bounded memory, values of which only the newest counts, and a
// look inside.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

// [readme]
loopbridge::options bounded() {
  loopbridge::options opts;
  opts.capacity = 1000;  // calls that wait for the loop; posting the next one waits for room
  opts.patience = 5s;    // and then throws bridge_full; try_post() never waits
  opts.watchdog.callback = 100ms;  // tell of a callable that is stuck, while it is
  opts.watchdog.on_overdue = [](const loopbridge::overdue& o) {
    std::fprintf(stderr, "%s:%u blocks the loop\n", o.where.file_name(), unsigned{o.where.line()});
  };
  return opts;
}

/// Old samples are worth nothing, so they do not queue: the loop shows the newest that there is.
class gauge {
 public:
  gauge(loopbridge::bridge& loop, std::atomic<double>& shown)
      : show_(loop, [newest = newest_, &shown] { shown = newest->load(); }) {}

  void measure(double value) {  // any thread, any handler; never refused while the bridge runs
    *newest_ = value;
    (void)show_.post();  // however often: it is queued once
  }

 private:
  std::shared_ptr<std::atomic<double>> newest_ = std::make_shared<std::atomic<double>>(0);
  loopbridge::reentrant_call show_;
};

void report(const loopbridge::bridge& loop) {
  const loopbridge::statistics s = loop.stats();  // from any thread, at any time
  std::printf("run %llu, refused %llu, queued %llu (at most %llu)\n",
              static_cast<unsigned long long>(s.run), static_cast<unsigned long long>(s.refused),
              static_cast<unsigned long long>(s.queued),
              static_cast<unsigned long long>(s.most_queued));
}
// [/readme]

int main() {
  std::atomic<double> shown{0};
  std::atomic<int> counted{0};
  loopbridge::bridge loop(bounded());
  gauge temperature(loop, shown);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int n = 0; n < 5000; ++n) loop.post([&] { ++counted; });
    });
  }
  for (std::thread& t : threads) t.join();
  loop.call([] {});
  if (counted != 20'000) return 1;  // whoever waited for room has got it
  for (int n = 1; n <= 5000; ++n) temperature.measure(n);
  loop.call([] {});
  report(loop);
  return shown == 5000 ? 0 : 1;
}
