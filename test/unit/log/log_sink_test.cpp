// A log that takes messages from anywhere. That handlers may interrupt it at every instruction is
// shown by stepping/log_test.cpp; what writers may do, by log_sink_writer_test.cpp; what files look
// like, by log_file_test.cpp.
#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.hpp"
#include "support/in_child.hpp"
#include "support/log_lines.hpp"

TEST_SUITE_BEGIN("log_sink");

using namespace std::chrono_literals;
using loopbridge::log_level;
using loopbridge::log_line;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::status;
using texts = std::vector<std::string>;

namespace {

/// A writer that stands still until the gate opens.
struct slow_disk {
  support::gate reached, open;
  support::log_lines lines;

  log_options options(std::size_t records = 64) const {
    log_options opts;
    opts.records = records;
    opts.writer.write = [*this, write = lines.writer().write](const log_line& l) {
      reached.open();
      if (!open.wait()) std::abort();
      write(l);
    };
    return opts;
  }
};

}  // namespace

TEST_CASE("a message is written with its level, its thread and the place of the call") {
  const support::log_lines lines;
  log_sink log(lines.options());
  const unsigned line = __LINE__ + 1;
  CHECK(log.log(log_level::error, "{} of {}", 1, "two") == status::accepted);
  CHECK(log.flush(support::generous) == status::answered);
  const auto all = lines.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].level == log_level::error);
  CHECK(all[0].text == "1 of two");
  CHECK(all[0].thread == static_cast<std::uint64_t>(syscall(SYS_gettid)));
  CHECK(std::string(all[0].file).find("log_sink_test.cpp") != std::string::npos);
  CHECK(all[0].line_of_file == line);
  CHECK(log.dropped() == 0);
}

TEST_CASE("each thread's messages are written in its order, and all that were accepted are") {
  constexpr int threads = 4, each = 5000;
  const support::log_lines lines;
  std::array<std::atomic<int>, threads> accepted{};
  std::uint64_t dropped = 0;
  {
    log_sink log(lines.options());
    {
      std::vector<std::jthread> loggers;
      for (int t = 0; t < threads; ++t) {
        loggers.emplace_back([&, t]() noexcept {
          for (int n = 0; n < each; ++n) {
            if (log.log(log_level::info, "{} {}", t, n) == status::accepted) {
              ++accepted[static_cast<std::size_t>(t)];
            }
          }
        });
      }
    }
    dropped = log.dropped();
  }
  std::array<int, threads> written{};
  std::array<int, threads> last;
  last.fill(-1);
  std::uint64_t said = 0;
  for (const std::string& text : lines.texts()) {
    int t = 0, n = 0;
    if (text.find("dropped") != std::string::npos) {
      said += std::stoul(text);
      continue;
    }
    REQUIRE(std::sscanf(text.c_str(), "%d %d", &t, &n) == 2);
    const auto at = static_cast<std::size_t>(t);
    if (n <= last[at]) FAIL("out of order: " << text);
    last[at] = n;
    ++written[at];
  }
  std::uint64_t total = dropped;
  for (std::size_t t = 0; t < threads; ++t) {
    CHECK(written[t] == accepted[t]);
    total += static_cast<std::uint64_t>(written[t]);
  }
  CHECK(total == threads * each);
  CHECK(said == dropped);
}

TEST_CASE("a slow writer holds up nobody: what does not fit is dropped, counted, and told") {
  const slow_disk disk;
  log_sink log(disk.options());
  int accepted = 0;
  for (int n = 0; n < 100; ++n) {
    if (log.log(log_level::info, "{}", n) == status::accepted) ++accepted;
  }
  CHECK(accepted == 64);
  CHECK(log.log(log_level::info, "one more") == status::exhausted);
  CHECK(log.dropped() == 37);
  CHECK(log.flush(1ms) == status::timed_out);
  disk.open.open();
  CHECK(log.flush(support::generous) == status::answered);
  const texts all = disk.lines.texts();
  REQUIRE(all.size() == 65);
  CHECK(all[63] == "63");
  CHECK(all[64] == "37 messages were dropped, for want of free records");
  CHECK(log.log(log_level::info, "there is room again") == status::accepted);
  log.stop();
  CHECK(disk.lines.texts().back() == "there is room again");
}

TEST_CASE("a loop that logs goes on while the disk stands still") {
  const slow_disk disk;
  log_sink log(disk.options());
  loopbridge::bridge b;
  CHECK(b.call([&] { return log.log(log_level::info, "from a loop"); }) == status::accepted);
  REQUIRE(disk.reached.wait());
  CHECK(b.call([&] { return log.log(log_level::info, "again"); }) == status::accepted);
  CHECK(b.call([] { return 1; }) == 1);
  disk.open.open();
  log.stop();
  CHECK(disk.lines.texts() == texts{"from a loop", "again"});
}

TEST_CASE("stop writes what was accepted and refuses from then on; so does the destructor") {
  const slow_disk disk;
  std::optional<log_sink> log(disk.options());
  for (int n = 0; n < 10; ++n) CHECK(log->log(log_level::info, "{}", n) == status::accepted);
  REQUIRE(disk.reached.wait());
  std::jthread opener([&]() noexcept { disk.open.open(); });
  log->stop();
  log->stop();
  CHECK(disk.lines.texts().size() == 10);
  CHECK(log->log(log_level::info, "late") == status::bridge_stopped);
  CHECK(log->flush(1h) == status::bridge_stopped);
  CHECK(log->dropped() == 1);
  const support::log_lines lines;
  log.emplace(lines.options());
  for (int n = 0; n < 10; ++n) (void)log->log(log_level::info, "{}", n);
  log.reset();
  CHECK(lines.texts().size() == 10);
}

namespace {
log_sink* handlers_log = nullptr;
status handlers_flush = status::accepted;
}  // namespace

TEST_CASE("a handler logs and flushes; errno is kept") {
  const support::log_lines lines;
  log_sink log(lines.options());
  handlers_log = &log;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int number) {
    (void)handlers_log->log(log_level::critical, "signal {}, {}", number, 0.25);
    handlers_flush = handlers_log->flush(support::generous);
  };
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  errno = ENOTTY;
  raise(SIGUSR1);
  CHECK(errno == ENOTTY);
  sigaction(SIGUSR1, &before, nullptr);
  CHECK(handlers_flush == status::answered);
  CHECK(lines.texts() == texts{"signal " + std::to_string(SIGUSR1) + ", 0.25"});
}

TEST_CASE("in a forked child nothing is logged, but counted; a sink of its own works" *
          doctest::skip(support::has_tsan)) {
  const support::log_lines lines;
  std::optional<log_sink> log(lines.options());
  CHECK(support::in_child([&] {
          if (log->log(log_level::info, "child's") != status::wrong_process) return 1;
          if (log->flush(1h) != status::wrong_process) return 2;
          if (log->dropped() != 1) return 3;
          log.reset();
          const support::log_lines own_lines;
          log_sink own(own_lines.options());
          if (own.log(log_level::info, "own") != status::accepted) return 4;
          own.stop();
          return own_lines.texts() == texts{"own"} ? 0 : 5;
        }) == 0);
  CHECK(log->log(log_level::info, "parent's") == status::accepted);
  log->stop();
  CHECK(lines.texts() == texts{"parent's"});
  CHECK(log->dropped() == 0);
}

TEST_CASE("many threads flush at once, and each sees its own message written") {
  const support::log_lines lines;
  log_sink log(lines.options());
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t]() noexcept {
        for (int n = 0; n < 50; ++n) {
          const std::string text = std::to_string(t) + "." + std::to_string(n);
          if (log.log(log_level::info, "{}", text) != status::accepted) ++wrong;
          if (log.flush(support::generous) != status::answered) ++wrong;
          bool found = false;
          for (const std::string& line : lines.texts()) found = found || line == text;
          if (!found) ++wrong;
        }
      });
    }
  }
  CHECK(wrong == 0);
}
