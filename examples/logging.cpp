// One log for all: threads, a loop, a signal handler and a destructor write to it, and none of them
// waits for the disk.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <thread>

using namespace std::chrono_literals;

// [readme]
loopbridge::log_sink* journal;

void on_terminate(int number) {  // wherever it comes in, perhaps in the midst of log()
  (void)journal->log(loopbridge::log_level::critical, "signal {}: going down", number);
  (void)journal->flush(1s);  // until it is on disk
}

loopbridge::log_options to_file(const char* path) {
  loopbridge::log_options opts;  // for a function of one's own: opts.writer.write = ...
  opts.writer = loopbridge::log_to_file(path);
  return opts;
}

void work(loopbridge::bridge& loop, int number) {
  using loopbridge::log_level;
  (void)journal->log(log_level::info, "worker {} begins, {} done", number, 0.5);
  loop.post([number] { (void)journal->log(log_level::info, "the loop works for {}", number); });
}
// [/readme]

int main(int count, char** arguments) {
  loopbridge::log_sink log(count > 1 ? to_file(arguments[1]) : loopbridge::log_options{});
  journal = &log;
  std::signal(SIGTERM, on_terminate);
  {
    loopbridge::bridge loop;
    std::thread one([&]() noexcept { work(loop, 1); });
    std::thread two([&]() noexcept { work(loop, 2); });
    std::raise(SIGTERM);
    one.join();
    two.join();
  }
  return log.dropped() == 0 ? 0 : 1;
}
