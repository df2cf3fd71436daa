#include "report.hpp"

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

namespace tour {
namespace {

double seconds(clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

std::uint64_t submissions(const tallies& t) {
  std::uint64_t all = 0;
  for (const tally* one : t.all()) all += one->submitted();
  return all;
}

std::string microseconds(std::chrono::nanoseconds time) {
  if (time.count() < 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f us", static_cast<double>(time.count()) / 1000);
  return text;
}

struct sums {
  std::uint64_t submitted = 0, accepted = 0, answered = 0, timed_out = 0, refused = 0, lost = 0;
};

void print_row(const char* who, const sums& s, const std::string& median, const std::string& p99) {
  std::printf("%-27s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %5" PRIu64
              " %8s %9s\n",
              who, s.submitted, s.accepted, s.answered, s.timed_out, s.refused, s.lost,
              median.c_str(), p99.c_str());
}

}  // namespace

progress_line::progress_line()
    : terminal_(isatty(STDERR_FILENO) != 0),
      next_(begun_ + std::chrono::seconds(terminal_ ? 0 : 1)) {}

progress_line::~progress_line() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

bool progress_line::is_due() const {
  return clock::now() >= next_;
}

void progress_line::show(const job_list& jobs, const tallies& t,
                         const file_server::counts& server) {
  const auto now = clock::now();
  next_ = terminal_ ? now + std::chrono::milliseconds(200) : now + (now - begun_);
  std::fprintf(stderr,
               "%s%.0f s: %" PRIu64 " files, %.1f MB checked; served over %" PRIu64
               " connections; %" PRIu64 " submissions%s",
               terminal_ ? "\r\033[K" : "", seconds(now - begun_), jobs.files_done(),
               static_cast<double>(jobs.bytes()) / 1e6, server.connections, submissions(t),
               terminal_ ? "" : "\n");
}

bool print_report(const tallies& t, const job_list& jobs, std::uint64_t signals,
                  clock::duration time) {
  std::printf("%-27s %9s %9s %9s %9s %7s %5s %8s %9s\n", "who submitted", "how many", "accepted",
              "answered", "timed out", "refused", "lost", "median", "99 %");
  sums all;
  std::uint64_t too_many = 0;
  for (const tally* one : t.all()) {
    const sums s{one->submitted(), one->accepted(), one->answered(),
                 one->timed_out(), one->refused(),  one->lost()};
    print_row(one->who(), s, microseconds(one->times().percentile(0.5)),
              microseconds(one->times().percentile(0.99)));
    all = {all.submitted + s.submitted, all.accepted + s.accepted, all.answered + s.answered,
           all.timed_out + s.timed_out, all.refused + s.refused,   all.lost + s.lost};
    too_many += one->too_many();
  }
  print_row("all", all, "", "");
  std::printf(
      "\n"
      "Times: of awaited calls the round trip, of others until they ran. Timed out is an await in "
      "a\n"
      "handler while the loop needed what the interrupted code held (malloc's lock, mostly); its\n"
      "call ran later. A submission that was cancelled counts as answered.\n\n");

  const auto failures = jobs.failures();
  std::printf("%" PRIu64 " bytes verified in %" PRIu64 " files, %" PRIu64 " signals, %.1f s\n",
              jobs.bytes(), jobs.files_done(), signals, seconds(time));
  for (const std::string& failure : failures) std::printf("FAILED: %s\n", failure.c_str());
  if (all.lost != 0) std::printf("FAILED: %" PRIu64 " submissions were lost\n", all.lost);
  if (too_many != 0) std::printf("FAILED: %" PRIu64 " ran more than once\n", too_many);
  return failures.empty() && all.lost == 0 && too_many == 0;
}

}  // namespace tour
