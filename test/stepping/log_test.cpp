// The log: log() and flush(), interrupted at every instruction by handlers that log, and that log
// and wait until it is written. Each message that was accepted is written once.
//
// A log behind a lock, which is what everybody writes first, is the negative control: its thread
// waits for itself when a handler, or a finalizer, logs while it is in the midst of logging.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <deque>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <mutex>
#include <optional>
#include <string>

#include "stepping/support/stepped_bridge.hpp"
#include "stepping/support/sweep.hpp"
#include "support/gate.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("stepping: log");

using namespace stepping;
using loopbridge::log_level;
using loopbridge::log_line;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::status;

namespace {

constexpr std::size_t of_operation = 0, of_handler = 1, of_second = 2;
constexpr std::array<const char*, 3> names{"operation", "handler", "second"};

/// A log, and an account of what was accepted and what was written.
class stepped_log {
 public:
  stepped_log() : log_(options()) {
    (void)log_.log(log_level::info, "{}", "so that the writer's thread is known");
    REQUIRE(log_.flush(patience) == status::answered);
  }

  /// This is stepped, or done in a handler.
  void log(std::size_t whose) {
    if (log_.log(log_level::info, "{} {} {}", names[whose], 1.5, whose) == status::accepted) {
      ++accepted_[whose];
    }
  }
  void flush() {
    if (log_.flush(patience) != status::answered) in_vain_ = true;
  }
  bool all_written(std::size_t whose) const { return written_[whose] == accepted_[whose]; }
  void log_and_flush(std::size_t whose) {
    log(whose);
    flush();
    if (!all_written(whose)) in_vain_ = true;
  }

  /// So that the next log() has to wake it.
  void until_writer_sleeps() const {
    REQUIRE(support::comes_true([&] { return writers_->is_asleep(); }));
  }
  void settle(report& r) {
    REQUIRE(log_.flush(patience) == status::answered);
    for (std::size_t whose = 0; whose < accepted_.size(); ++whose) {
      if (written_[whose] < accepted_[whose]) ++r.lost;
      if (written_[whose] > accepted_[whose]) ++r.doubled;
      accepted_[whose] = 0;
      written_[whose] = 0;
    }
    if (in_vain_.exchange(false)) ++r.hung;
    if (spoilt_.exchange(false)) ++r.lost;
  }

 private:
  log_options options() {
    log_options opts;
    opts.writer.write = [this](const log_line& l) {
      if (!writers_) writers_.emplace();
      for (std::size_t whose = 0; whose < names.size(); ++whose) {
        const std::string expected = std::string(names[whose]) + " 1.5 " + std::to_string(whose);
        if (!l.text.starts_with(names[whose])) continue;
        ++written_[whose];
        if (l.text != expected) spoilt_ = true;
      }
    };
    return opts;
  }

  std::array<std::atomic<int>, 3> accepted_{};
  std::array<std::atomic<int>, 3> written_{};
  std::atomic<bool> in_vain_{false};
  std::atomic<bool> spoilt_{false};
  std::optional<thread_state> writers_;
  log_sink log_;
};

struct action {
  const char* name;
  void (*run)(stepped_log& l);
};
const action logs{"logs", [](stepped_log& l) { l.log(of_handler); }};
const action logs_and_flushes{"logs and flushes",
                              [](stepped_log& l) { l.log_and_flush(of_handler); }};
const action log_it{"log", [](stepped_log& l) { l.log(of_operation); }};
const action flush_it{"flush", [](stepped_log& l) { l.flush(); }};

void sweep(const action& o, const action& handler) {
  const std::string scenario = std::string(o.name) + " < " + handler.name;
  expect_progress(scenario);
  report r;
  stepped_log l;
  const auto operation = [&] { o.run(l); };
  operation();  // first uses
  l.settle(r);
  l.until_writer_sleeps();
  const path way = path_of(operation);
  l.settle(r);
  for_each_boundary(
      r, way, {.all_up_to = 2500},
      [&](const boundary& at) {
        l.until_writer_sleeps();
        const bool visited = interrupt_at(at, operation, [&] { handler.run(l); });
        l.settle(r);
        if (visited) ++r.points;
        return visited;
      },
      [&] { return r.hung > 0 || r.lost > 0; });
  print_and_check(scenario, r);
}

}  // namespace

TEST_CASE("log() may be interrupted anywhere by a handler that logs: each message is written once" *
          doctest::skip(!available)) {
  sweep(log_it, logs);
  sweep(log_it, logs_and_flushes);
}

TEST_CASE("flush() may be interrupted anywhere by a handler that logs, and flushes" *
          doctest::skip(!available)) {
  sweep(flush_it, logs);
  sweep(flush_it, logs_and_flushes);
}

TEST_CASE("a handler's log() may be interrupted by another that logs and flushes" *
          doctest::skip(!available)) {
  const std::string scenario = "log < logs < logs and flushes";
  expect_progress(scenario);
  report r;
  stepped_log l;
  const auto operation = [&] { l.log(of_operation); };
  const auto handler = [&]() __attribute__((noinline)) { l.log(of_handler); };
  handler();
  const path inner_way = path_of(handler);
  const path way = path_of(operation);
  l.settle(r);
  const auto visit = [&](const boundary& at) {
    expect_progress(scenario);  // all pairs take more than its minute
    const unsigned before = r.points;
    for_each_boundary(
        r, inner_way,
        {.all_up_to = 1, .first = 0, .rest = 5, .offset = r.points, .beyond_its_end = false},
        [&](const boundary& inner) {
          l.until_writer_sleeps();
          bool both = false;
          (void)interrupt_at(at, operation, [&] {
            both = interrupt_at(inner, handler, [&] { l.log_and_flush(of_second); });
          });
          l.settle(r);
          if (both) ++r.points;
          return both;
        },
        [&] { return r.hung > 0; });
    return r.points != before;
  };
  for_each_boundary(r, way, {.beyond_its_end = false}, visit, [&] { return r.hung > 0; });
  print_and_check(scenario, r);
}

TEST_CASE("a log() that finds no record free may be interrupted anywhere: each drop is told" *
          doctest::skip(!available)) {
  const std::string scenario = "log, no record free < logs";
  expect_progress(scenario);
  report r;
  std::uint64_t told = 0;
  const support::gate open;
  log_options opts;
  opts.records = 64;
  opts.writer.write = [&](const log_line& l) {
    if (!open.wait()) std::abort();
    if (l.text.find("dropped") != std::string_view::npos) told += std::stoul(std::string(l.text));
  };
  log_sink log(opts);
  while (log.log(log_level::info, "fills") == status::accepted) {
  }
  const auto operation = [&] {
    if (log.log(log_level::info, "{}", 1) != status::exhausted) ++r.lost;
  };
  const path way = path_of(operation);
  std::uint64_t expected = 2;
  for_each_boundary(
      r, way, {},
      [&](const boundary& at) {
        const bool visited = interrupt_at(at, operation, operation);
        expected += visited ? 2 : 1;
        if (visited) ++r.points;
        return visited;
      },
      [] { return false; });
  CHECK(log.dropped() >= expected);
  open.open();
  log.stop();
  CHECK(told == log.dropped());
  print_and_check(scenario, r);
}

TEST_CASE("negative control: a log behind a lock deadlocks when a handler logs inside log()" *
          doctest::skip(!available)) {
  constexpr int ended_by_alarm = 300 + SIGALRM;
  constexpr unsigned hangs_to_see = 5;
  std::mutex mutex;
  std::deque<std::string> lines;
  const auto log = [&] {
    const std::lock_guard lock(mutex);
    lines.emplace_back("a message");
  };
  report r;
  log();
  const path way = path_of(log);
  for_each_boundary(
      r, way, {},
      [&](const boundary& at) {
        // What hangs here hangs for good, so each boundary has a child of its own.
        const int got = support::in_child([&] {
          signal(SIGALRM, SIG_DFL);  // not expect_progress()'s
          constexpr itimerval soon{{}, {0, 400000}};
          setitimer(ITIMER_REAL, &soon, nullptr);
          return interrupt_at(at, log, log) ? 1 : 0;
        });
        if (got == ended_by_alarm) ++r.hung;
        if (got == 1 || got == ended_by_alarm) ++r.points;
        return got != 0;
      },
      [&] { return r.hung == hangs_to_see; });
  print("control: a log behind a lock", r);
  CHECK(r.hung == hangs_to_see);
  CHECK(r.points > hangs_to_see);
}
