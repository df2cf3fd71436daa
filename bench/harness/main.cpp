// Ours beside its peers and the floors, in one table. See settings.cpp for the options.
#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "child.hpp"
#include "entry.hpp"
#include "placement.hpp"
#include "report.hpp"
#include "settings.hpp"
#include "targets.hpp"

namespace bench {

std::vector<entry>& field() {
  static std::vector<entry> everybody;
  return everybody;
}

namespace {

#ifdef __clang__
constexpr const char* compiler = "clang++ " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

std::vector<std::string> remarks(const settings& s) {
  double load[3] = {};
  uv_loadavg(load);
  char text[200];
  std::snprintf(text, sizeof(text),
                "%u CPUs, load %.1f at the start; libuv %s; %s; %zu rounds, shuffled; closures of "
                "16 bytes.",
                usable_cpus(), load[0], uv_version_string(), compiler, s.rounds);
  std::vector<std::string> all{
      text,
      "Medians over the rounds; the ratio, of the first column to naive's, is the median of each "
      "round's own."};
#ifndef __OPTIMIZE__
  all.push_back("Built without optimisation: these figures mean nothing. See tools/bench.");
#endif
  if (!s.full) all.push_back("Quick: short runs, so rough figures. --full takes its time.");
  if (usable_cpus() < 2) all.push_back("One CPU: nothing was measured across CPUs.");
  return all;
}

/// On stderr, if somebody looks.
class progress {
 public:
  explicit progress(std::size_t steps) : steps_(steps), shown_(isatty(STDERR_FILENO) != 0) {}
  ~progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void step(std::size_t round, const std::string& what, const std::string& who) {
    if (shown_) {
      std::fprintf(stderr, "\r\033[K%3zu%%  round %zu: %s: %s", 100 * done_ / steps_, round + 1,
                   what.c_str(), who.c_str());
    }
    ++done_;
  }

 private:
  const std::size_t steps_;
  const bool shown_;
  std::size_t done_ = 0;
};

/// One thing to do in a round: a row of the report, and what fills it.
struct job {
  const entry* who;
  const entry::run* run;
  report::row* row;
};

/// The report, empty, and the jobs of each of its blocks.
std::vector<std::vector<job>> lay_out(report& r, const settings& s) {
  for_each_measure([&](const auto& m) { r.blocks.push_back({{m.name(), m.figures()}, {}}); });
  for (const entry& e : field()) {  // with measures that nobody else has
    for (const entry::run& run : e.runs) {
      if (r.find(run.what.name) == nullptr) r.blocks.push_back({run.what, {}});
    }
  }
  std::sort(field().begin(), field().end(), [](const entry& a, const entry& b) {
    return a.is != b.is ? a.is < b.is : a.name < b.name;
  });
  std::vector<std::vector<job>> jobs(r.blocks.size());
  for (std::size_t b = 0; b < r.blocks.size(); ++b) {
    report::block& block = r.blocks[b];
    if (block.what.name.find(s.only) == std::string::npos) continue;
    for (const entry& e : field()) {
      if (e.is != role::baseline && e.name.find(s.of) == std::string::npos) continue;
      for (const entry::run& run : e.runs) {
        if (run.what.name != block.what.name) continue;
        const std::vector<double> unknown(s.rounds, std::numeric_limits<double>::quiet_NaN());
        block.rows.push_back({e.name, e.is, {block.what.figures.size(), unknown}});
        jobs[b].push_back({&e, &run, nullptr});
      }
    }
    for (std::size_t i = 0; i < jobs[b].size(); ++i) jobs[b][i].row = &block.rows[i];
  }
  std::erase_if(jobs, [](const std::vector<job>& of) { return of.empty(); });
  return jobs;
}

report run(const settings& s) {
  report r{remarks(s), {}};
  std::vector<std::vector<job>> jobs = lay_out(r, s);
  std::size_t all = 0;
  for (const std::vector<job>& of : jobs) all += of.size();
  // Contenders take turns within each measure, so that what the machine does meanwhile hits all of
  // them; the orders are shuffled, so that nobody always comes after the same one.
  std::mt19937 random{std::random_device{}()};
  progress shown(s.rounds * all);
  for (std::size_t round = 0; round < s.rounds; ++round) {
    std::shuffle(jobs.begin(), jobs.end(), random);
    for (std::vector<job>& of : jobs) {
      std::shuffle(of.begin(), of.end(), random);
      for (const job& j : of) {
        shown.step(round, j.run->what.name, j.who->name);
        if (round >= j.run->rounds) continue;
        const std::vector<double> values = j.run->measure(s.each);
        for (std::size_t f = 0; f < values.size(); ++f) j.row->values[f][round] = values[f];
      }
    }
  }
  return r;
}

/// In a process that another one has started: see child.hpp.
void run_as_child(const settings& s) {
  for (const entry& e : field()) {
    for (const entry::run& run : e.runs) {
      if (e.name != s.child_of || run.what.name != s.child_measure) continue;
      print_values(run.in_child(s.each));
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    const bench::settings s = bench::parse(argc, argv);
    if (!s.child_of.empty()) {
      bench::run_as_child(s);
      return 0;
    }
    bench::enter_python();
    const bench::report r = bench::run(s);
    const std::vector<bench::verdict> verdicts = bench::judge(r);
    bench::print_table(r);
    bench::print_verdicts(r, verdicts);
    if (!s.json.empty()) bench::write_json(r, verdicts, s.json);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
    return 1;
  }
}
