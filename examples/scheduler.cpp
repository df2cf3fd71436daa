// A blocking program with jobs that run at intervals beside it: it adds and removes them like
// entries of a list, and they run one after the other on the loop's thread.

#include <uv.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

class scheduler {
 public:
  explicit scheduler(loopbridge::bridge& bridge) : bridge_(bridge) {}
  ~scheduler() {
    bridge_.call([this] {
      while (!jobs_.empty()) close(jobs_.begin()->first);
    });
  }
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  /// Runs `work` each `interval` from now on, until remove(). What it throws is told, and it goes
  /// on. Any thread but the loop's.
  void add(const std::string& name, std::chrono::milliseconds interval,
           std::function<void()> work) {
    bridge_.call([&](loopbridge::loop_ref loop) {
      close(name);  // one of the same name is replaced
      auto j = std::make_unique<job>();
      j->name = name;
      j->work = std::move(work);
      uv_timer_init(loop, &j->timer);
      j->timer.data = j.get();
      const auto ms = static_cast<std::uint64_t>(interval.count());
      uv_timer_start(
          &j->timer, [](uv_timer_t* t) { run(*static_cast<job*>(t->data)); }, ms, ms);
      jobs_.emplace(name, std::move(j));
    });
  }

  /// When it returns, the job does not run and will not. False: there is none of this name.
  bool remove(const std::string& name) {
    return bridge_.call([&] { return close(name); });
  }

 private:
  struct job {
    std::string name;
    std::function<void()> work;
    uv_timer_t timer{};
  };

  static void run(job& j) noexcept {  // called by C, which knows no exceptions
    try {
      j.work();
    } catch (const std::exception& e) {
      std::printf("job %s: %s\n", j.name.c_str(), e.what());
    }
  }

  /// On the loop's thread. libuv needs the timer until it is closed.
  bool close(const std::string& name) {
    const auto found = jobs_.find(name);
    if (found == jobs_.end()) return false;
    job* const j = found->second.release();
    jobs_.erase(found);
    uv_close(reinterpret_cast<uv_handle_t*>(&j->timer),
             [](uv_handle_t* h) { delete static_cast<job*>(h->data); });
    return true;
  }

  loopbridge::bridge& bridge_;
  std::map<std::string, std::unique_ptr<job>> jobs_;  // the loop's
};

int main() {
  try {
    loopbridge::bridge bridge;
    loopbridge::completer<int> fifth;
    int count = 0;  // the loop's, while the job is there
    scheduler jobs(bridge);

    loopbridge::eventual<int> beats = bridge.submit([&] { return fifth.get_deferred(); });
    jobs.add("heartbeat", 10ms, [&] {
      if (++count == 5) fifth.resolve(count);
    });
    jobs.add("moody", 15ms, [] { throw std::runtime_error("not today"); });
    jobs.add("yearly", 24h * 365, [] { std::puts("happy new year"); });

    const int reached = beats.get_for(20s);  // the program's own work would be here
    const bool removed = jobs.remove("heartbeat") && !jobs.remove("heartbeat");
    std::printf("%d beats were waited for, %d had come when the job was removed\n", reached, count);
    return removed && count >= 5 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "scheduler: %s\n", e.what());
    return 1;
  }
}
