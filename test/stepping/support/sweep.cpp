#include "sweep.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stepping {
namespace {

/// Visits from boundary `k` until the operation has been over before that three times in a row: its
/// way is not equally long each time.
void step_on(report& r, unsigned k, unsigned stride, const visit& visit,
             const std::function<bool()>& enough) {
  for (unsigned over = 0; over < 3 && !enough(); k += stride) {
    r.cut = r.cut || k > longest_stepped;
    if (k > longest_stepped) return;
    over = visit({k, 0, 0}) ? 0 : over + 1;
  }
}

char scenario_in_progress[200];

}  // namespace

void print(const std::string& scenario, const report& r) {
  std::printf("stepped: %-62s %6u points, %u lost, %u doubled, %u hung, %u refused",
              scenario.c_str(), r.points, r.lost, r.doubled, r.hung, r.refused);
  if (r.stride > 1) std::printf(", long ways thinned to one in %u", r.stride);
  if (r.cut) std::printf(", the first %u", longest_stepped);
  std::printf("\n");
}

void print_and_check(const std::string& scenario, const report& r) {
  print(scenario, r);
  CAPTURE(scenario);
  CHECK(r.points > 20);
  CHECK(r.lost == 0);
  CHECK(r.doubled == 0);
  CHECK(r.hung == 0);
}

bool full() {
  static const char* const how = std::getenv("LOOPBRIDGE_STEPPING");
  return how != nullptr && std::strcmp(how, "full") == 0;
}

void for_each_boundary(report& r, const path& way, const thinning& wanted, const visit& visit,
                       const std::function<bool()>& enough) {
  const thinning thin = !full() ? wanted
                                : thinning{.all_up_to = 5000,
                                           .first = 1000,
                                           .rest = 1000,
                                           .beyond_its_end = wanted.beyond_its_end};
  const auto size = static_cast<unsigned>(way.size());
  if (size == 0) {  // not known: it is stepped
    const unsigned stride = std::max(1U, longest_stepped / (thin.first + thin.rest));
    r.stride = std::max(r.stride, stride);
    return step_on(r, 1 + thin.offset % stride, stride, visit, enough);
  }
  if (size <= thin.all_up_to) {
    for (const boundary& at : way) {
      if (enough()) return;
      const bool came_there = visit(at);
      // It went another way this time: then to the boundary of that number.
      if (!came_there && full() && at.number <= longest_stepped) (void)visit({at.number, 0, 0});
    }
    if (thin.beyond_its_end && size <= longest_stepped)
      step_on(r, way.back().number + 1, 1, visit, enough);
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
    struct sigaction action{};
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
