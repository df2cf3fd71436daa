// A blocking program with jobs that run at intervals beside it: it adds and removes them like
// entries of a list, and they run one after the other on the loop's thread.

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/timers.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

// [readme]
class scheduler {  // one thread's, like a plain map
 public:
  explicit scheduler(loopbridge::bridge& bridge) : bridge_(bridge) {}

  /// Runs `work` each `interval` from now on, until remove(). What it throws goes to the bridge's
  /// hook for errors, and the job goes on.
  void add(const std::string& name, std::chrono::milliseconds interval,
           std::function<void()> work) {
    jobs_.insert_or_assign(name, submit_every(bridge_, interval, std::move(work)));
  }
  void remove(const std::string& name) {
    jobs_.erase(name);    // no run begins any more, ...
    bridge_.call([] {});  // ... and one that had begun is over
  }

 private:
  loopbridge::bridge& bridge_;
  std::map<std::string, loopbridge::repeated_call> jobs_;  // a job that is dropped stops
};
// [/readme]

int main() {
  try {
    loopbridge::options opts;
    opts.on_unhandled_error = [](const loopbridge::unhandled_error& e) {
      try {
        std::rethrow_exception(e.error);
      } catch (const std::exception& thrown) {
        std::printf("a job from %s:%u: %s\n", e.where.file_name(), unsigned{e.where.line()},
                    thrown.what());
      }
    };
    loopbridge::bridge bridge(opts);
    loopbridge::completer<int> fifth;
    int count = 0;  // the loop's, while the job is there
    scheduler jobs(bridge);

    loopbridge::eventual<int> beats = bridge.submit([&] { return fifth.get_deferred(); });
    jobs.add("heartbeat", 10ms, [&] {
      if (++count == 5) fifth.resolve(count);
    });
    jobs.add("moody", 15ms, [] { throw std::runtime_error("not today"); });
    jobs.add("yearly", 24h * 365, [] { std::puts("happy new year"); });
    const bool once = submit_after(bridge, 5ms, [] { return true; }).get_for(20s);

    const int reached = beats.get_for(20s);  // the program's own work would be here
    jobs.remove("heartbeat");
    std::printf("%d beats were waited for, %d had come when the job was removed\n", reached, count);
    return once && count >= 5 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "scheduler: %s\n", e.what());
    return 1;
  }
}
