// Which way each run goes: explore() and choose().
#include <algorithm>
#include <random>

#include "executor.hpp"

namespace weak {
namespace {

constexpr unsigned long most_choices = 20'000;  // in one run: more is taken for a livelock

struct choice {
  unsigned chosen;
  unsigned options;
};

// Of the one exploration that there is at a time.
struct {
  std::vector<choice> path;  // systematic: what to choose, then what was chosen
  std::size_t at = 0;        // how many choices the run has come to
  unsigned deviations_left = 0;
  bool random = false;
  std::mt19937_64 dice;
} search;

void run(const std::function<void()>& program, report& r) {
  search.at = 0;
  r.failure = run_once(program);
  ++r.runs;
  r.longest = std::max(r.longest, static_cast<unsigned long>(search.at));
}

/// The last choice that has another option takes it. False: there is none.
bool next_path() {
  search.path.resize(std::min(search.path.size(), search.at));
  while (!search.path.empty() && search.path.back().chosen + 1 >= search.path.back().options) {
    search.path.pop_back();
  }
  if (search.path.empty()) return false;
  ++search.path.back().chosen;
  return true;
}

}  // namespace

report explore(const limits& how_far, const std::function<void()>& program) {
  report r;
  search.path.clear();
  search.random = false;
  search.dice.seed(how_far.seed);
  // First all runs with one deviation, then those with two, and so on: most faults need few.
  unsigned deviations = how_far.deviations > 0 ? 1 : 0;
  while (r.runs < how_far.max_runs && !r.exhausted && r.failure.empty()) {
    search.deviations_left = deviations;
    run(program, r);
    if (!next_path()) r.exhausted = deviations++ == how_far.deviations;
  }
  search.random = true;
  for (unsigned long i = 0; i < how_far.random_runs && r.failure.empty(); ++i) run(program, r);
  return r;
}

unsigned choose(unsigned options) {
  if (options <= 1) return 0;
  if (++search.at > most_choices) fail("no end: the threads go round and round");
  if (search.random) {
    // Mostly the ordinary way, or nothing would ever get far.
    return search.dice() % 4 != 0 ? 0 : static_cast<unsigned>(search.dice() % options);
  }
  if (search.at > search.path.size()) {
    search.path.push_back({0, search.deviations_left > 0 ? options : 1});
  }
  const unsigned chosen = search.path[search.at - 1].chosen;
  if (chosen != 0) --search.deviations_left;
  return chosen;
}

}  // namespace weak
