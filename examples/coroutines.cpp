// Coroutines on the loop, from a blocking program: files, waits and work on other threads read like
// plain code, and whoever is not a coroutine awaits them like any other call.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <loopbridge/coroutines/schedule.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/file.hpp>
#include <loopbridge/uv/queue_work.hpp>
#include <string>

using namespace std::chrono_literals;

// [readme]
using loopbridge::task;

task<long> lines_of(std::string path) {
  const std::string text = co_await loopbridge::read_file(path);  // the loop goes on meanwhile
  // What would block it runs on a worker thread of libuv's.
  co_return co_await loopbridge::queue_work(
      [&text] { return std::count(text.begin(), text.end(), '\n'); });
}

task<long> settled_lines_of(loopbridge::bridge& other, std::string path) {
  long before = co_await lines_of(path);
  for (;;) {
    co_await loopbridge::delay(10ms);
    // On another bridge's loop, and back.
    const long now = co_await other.submit([&path] { return lines_of(path); });
    if (now == before) co_return now;
    before = now;
  }
}

long count(loopbridge::bridge& loop, loopbridge::bridge& other, const std::string& path) {
  // When the time is up the task is cancelled, at the co_await where it is: destructors run.
  return loop.call_for(5s, [&other, path] { return settled_lines_of(other, path); });
}

std::string both(loopbridge::bridge& loop, const std::string& one, const std::string& two) {
  return when_all(loop.submit([one] { return lines_of(one); }),
                  loop.submit([two] { return lines_of(two); }))
      .then([](std::tuple<long, long> lines) {
        return std::to_string(std::get<0>(lines)) + " and " + std::to_string(std::get<1>(lines));
      })
      .get();
}
// [/readme]

// A coroutine of another library's, or of one's own, goes to the loop and from there on.
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

detached hop(loopbridge::bridge& loop, loopbridge::bridge& other,
             loopbridge::completer<bool> both_right) {
  co_await schedule(loop);
  const bool here = loop.on_loop_thread();
  const bool there = co_await other.submit([&other] { return other.on_loop_thread(); });
  both_right.resolve(here && there && loop.on_loop_thread());
}

int main() {
  std::array<char, 32> path = {"/tmp/loopbridge-lines-XXXXXX"};
  const int fd = mkstemp(path.data());
  if (fd < 0) return 1;
  close(fd);
  bool right = false;
  try {
    loopbridge::bridge loop;
    loopbridge::bridge other;
    loop.call([&] { return loopbridge::write_file(path.data(), "one\ntwo\nthree\n", 0600); });
    const long lines = count(loop, other, path.data());
    const std::string twice = both(loop, path.data(), path.data());

    loopbridge::completer<bool> hopped;
    auto answer = hopped.get_deferred();
    hop(loop, other, std::move(hopped));
    const bool hops = loop.submit([&] { return std::move(answer); }).get_for(5s);

    std::printf("%ld lines, %s; hops %s\n", lines, twice.c_str(), hops ? "right" : "wrong");
    right = lines == 3 && twice == "3 and 3" && hops;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "coroutines: %s\n", e.what());
  }
  unlink(path.data());
  return right ? 0 : 1;
}
