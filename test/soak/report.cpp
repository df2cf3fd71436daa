#include "report.hpp"

#include <unistd.h>

#include <cstdio>

#include "support/in_child.hpp"
#include "watch.hpp"

namespace soak {
namespace {

/// Kilobytes of this process in memory; 0 where the system does not tell.
long resident_kb() {
  long pages = 0;
  if (std::FILE* const f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(f);
  }
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

constexpr const char* build = support::has_tsan   ? " --sanitizer thread"
                              : support::has_asan ? " --sanitizer address"
                                                  : "";

unsigned long long number(const std::atomic<std::uint64_t>& n) {
  return n.load(std::memory_order_relaxed);
}
unsigned long long number(std::uint64_t n) {
  return n;
}

}  // namespace

run_report::run_report(std::uint64_t seed, const account& books, const tally& counts)
    : seed_(seed), books_(books), counts_(counts) {}

void run_report::begin_round(std::uint64_t round) noexcept {
  round_.store(round, std::memory_order_relaxed);
  if (++rounds_ == warm_after) resident_when_warm_ = resident_kb();
}

void run_report::print_failure(const char* hangs) const {
  std::fflush(stdout);
  if (hangs != nullptr) std::fprintf(stderr, "WRONG: %s did not return in time\n", hangs);
  books_.print_complaints(stderr);
  if (hangs != nullptr) watch::print(stderr);
  if (has_grown()) {
    std::fprintf(stderr, "WRONG: %ld kB resident at round %llu, and %ld kB now\n",
                 resident_when_warm_, number(warm_after), resident_kb());
  }
  // The threads' decisions are the same each time, the schedule is not: so a few hundred times.
  std::fprintf(stderr,
               "seed %llu, round %llu; to repeat it:\n"
               "  for i in $(seq 500); do ./tools/soak%s --seed %llu --round %llu --rounds 1 || "
               "break; done\n",
               number(seed_), number(round_), build, number(seed_), number(round_));
  std::fflush(stderr);
}

bool run_report::has_grown() const {
  // Sanitizers keep records of their own, and AddressSanitizer finds leaks better than this does.
  if (support::has_asan || support::has_tsan || rounds_ < warm_after) return false;
  return resident_kb() > 2 * resident_when_warm_ + 16 * 1024;
}

void run_report::print_success(std::uint64_t rounds) const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const tally& t = counts_;
  const account::totals& s = books_.sums();
  std::printf("%llu rounds in %.0f s, nothing wrong\n", number(rounds), seconds);
  std::printf("  bridges %llu, of which adopted %llu, brief %llu, without spinning %llu\n",
              number(t.bridges), number(t.adopted), number(t.brief), number(t.never_spin));
  std::printf(
      "  operations: post %llu, submit %llu, call %llu, call_for %llu, post_reentrant %llu,\n"
      "    reentrant_call::post %llu and ::call_for %llu, look %llu, cancel %llu,\n"
      "    settle a deferred %llu, nested uv_run %llu, stop %llu, fork %llu, raise %llu\n",
      number(t.post), number(t.submit), number(t.call), number(t.call_for), number(t.bare),
      number(t.fire), number(t.wait), number(t.look), number(t.cancel), number(t.settle),
      number(t.nested), number(t.stop), number(t.fork), number(t.raise));
  std::printf("  signals %llu, waits in handlers %llu\n", number(t.signals),
              number(t.waited_in_handler));
  std::printf(
      "  of the calls: accepted %llu, refused %llu, given up %llu; ran %llu, cancelled %llu,\n"
      "    ended by a stop %llu; failures reported %llu; timeouts %llu, would_deadlock %llu,\n"
      "    exhausted %llu\n",
      number(s.accepted), number(s.refused), number(s.withdrawn), number(s.ran),
      number(s.cancelled), number(s.stopped), number(s.reported), number(t.timeouts),
      number(t.deadlocks), number(t.exhausted));
  std::printf("  resident: %ld kB at round %llu, %ld kB at the end\n", resident_when_warm_,
              number(warm_after), resident_kb());
}

}  // namespace soak
