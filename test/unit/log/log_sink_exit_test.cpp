// What is in the log when the process exits.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <new>
#include <string_view>
#include <thread>

#include "support/gate.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("log_sink, at exit");

using namespace std::chrono_literals;
using loopbridge::log_level;
using loopbridge::log_line;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::status;

namespace {

struct seen {
  std::atomic<int> accepted{0};
  std::atomic<int> written{0};
  std::atomic<int> refused{0};
};

/// In memory that a child shares.
seen& shared() {
  static seen* const page =
      ::new (mmap(nullptr, sizeof(seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
          seen;
  return *page;
}

log_options counted() {
  log_options opts;
  opts.writer.write = [](const log_line& line) {
    // Not the sink's own words about those that it had to drop.
    if (line.text.find("dropped, for want") == std::string_view::npos) ++shared().written;
    std::this_thread::sleep_for(1ms);  // a slow disk: the exit comes first
  };
  return opts;
}

void log_some(log_sink& log) {
  for (int n = 0; n < 50; ++n) {
    ++(log.log(log_level::info, "{}", n) == status::accepted ? shared().accepted
                                                             : shared().refused);
  }
}

/// Of a child that exits with 3.
bool loses_nothing(int (*f)()) {
  ::new (&shared()) seen;
  CHECK(support::in_child(f) == 3);
  MESSAGE("accepted " << shared().accepted.load() << ", written " << shared().written.load());
  return shared().written == shared().accepted && shared().accepted >= 50;
}

}  // namespace

TEST_CASE("what was accepted is written at exit, though nobody destroys the sink" *
          doctest::skip(support::has_tsan)) {
  CHECK(loses_nothing([]() -> int {
    static auto& log = *new log_sink(counted());  // for LeakSanitizer, which looks at the exit
    log_some(log);
    std::exit(3);
  }));
}

TEST_CASE("the same of a static sink, and of two" * doctest::skip(support::has_tsan)) {
  CHECK(loses_nothing([]() -> int {
    static log_sink log(counted());
    static auto& other = *new log_sink(counted());
    log_some(log);
    log_some(other);
    std::exit(3);
  }));
}

TEST_CASE("threads that log during the exit are refused from some point on, and never wait" *
          doctest::skip(support::has_tsan)) {
  CHECK(loses_nothing([]() -> int {
    static const support::gate refused;
    // Run after the sinks' own, since it was registered before the first sink was made.
    std::atexit([] {
      if (!refused.wait()) _exit(4);
    });
    static auto& log = *new log_sink(counted());  // for LeakSanitizer, which looks at the exit
    log_some(log);
    std::thread([]() noexcept {
      for (;;) {
        const status s = log.log(log_level::info, "still here");
        if (s == status::accepted) ++shared().accepted;
        if (s != status::bridge_stopped) continue;
        return refused.open();
      }
    }).detach();
    std::exit(3);
  }));
}

TEST_CASE("a handler of atexit that was registered before the sink finds it stopped" *
          doctest::skip(support::has_tsan)) {
  static log_sink* log = nullptr;
  CHECK(loses_nothing([]() -> int {
    std::atexit([] {
      if (log->log(log_level::info, "late") == status::bridge_stopped) ++shared().refused;
    });
    log = new log_sink(counted());
    log_some(*log);
    std::exit(3);
  }));
  CHECK(shared().refused == 1);
}
