#include "sweep.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stepping {
namespace {

/// Stepping to boundary k costs k traps, so nothing is stepped further than this; what throws goes
/// through 20,000 instructions.
constexpr unsigned longest_stepped = 450;

/// Visits from boundary `k` until the operation has been over before that three times in a row: its
/// way is not equally long each time.
void step_on(unsigned k, const visit& visit, const std::function<bool()>& enough) {
  for (unsigned over = 0; over < 3 && k <= longest_stepped && !enough(); ++k) {
    over = visit({k, 0, 0}) ? 0 : over + 1;
  }
}

char scenario_in_progress[200];

}  // namespace

void print(const std::string& scenario, const report& r) {
  std::printf("stepped: %-62s %6u points, %u lost, %u doubled, %u hung, %u refused",
              scenario.c_str(), r.points, r.lost, r.doubled, r.hung, r.refused);
  if (r.stride > 1) std::printf(", long ways thinned to one in %u", r.stride);
  std::printf("\n");
}

bool full() {
  static const char* const how = std::getenv("LOOPBRIDGE_STEPPING");
  return how != nullptr && std::strcmp(how, "full") == 0;
}

void for_each_boundary(report& r, const path& way, const thinning& thin, const visit& visit,
                       const std::function<bool()>& enough) {
  const auto size = static_cast<unsigned>(way.size());
  if (full() || size <= thin.all_up_to) {
    for (const boundary& at : way) {
      if (enough()) break;
      const bool came_there = visit(at);
      // Another way this time: then to the boundary of that number.
      if (!came_there && full() && at.number <= longest_stepped) (void)visit({at.number, 0, 0});
    }
    step_on(size == 0 ? 1 : way.back().number + 1, visit, enough);
    return;
  }
  const unsigned stride = (size - thin.first + thin.rest - 1) / thin.rest;
  r.stride = std::max(r.stride, stride);
  for (unsigned i = 0; i < thin.first && !enough(); ++i) (void)visit(way[i]);
  for (unsigned i = thin.first + thin.offset % stride; i < size && !enough(); i += stride) {
    if (way[i].visit <= 5) (void)visit(way[i]);
  }
}

void expect_progress(const std::string& scenario) {
  if (std::strncmp(scenario_in_progress, scenario.c_str(), sizeof(scenario_in_progress) - 1) != 0) {
    std::strncpy(scenario_in_progress, scenario.c_str(), sizeof(scenario_in_progress) - 1);
    struct sigaction action {};
    action.sa_handler = [](int) {
      static constexpr char what[] = "\nno progress for a minute: ";
      (void)!write(STDERR_FILENO, what, sizeof(what) - 1);
      (void)!write(STDERR_FILENO, scenario_in_progress, std::strlen(scenario_in_progress));
      (void)!write(STDERR_FILENO, "\n", 1);
      _exit(1);
    };
    sigaction(SIGALRM, &action, nullptr);
  }
  alarm(60);
}

}  // namespace stepping
