// Python's event loops: peers.py measures them, this enters them.

#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "harness/command.hpp"
#include "harness/entry.hpp"
#include "measures/round_trip.hpp"

namespace bench {
namespace {

const std::string script =
    "/usr/bin/python3 " + quoted(BENCH_SOURCES "/contenders/python/peers.py");

/// The figures that peers.py has: an object of numbers, by the names of the columns.
std::vector<double> read_figures(const std::string& json, const std::vector<figure>& figures) {
  std::vector<double> values;
  for (const figure& f : figures) {
    const std::string key = '"' + f.name + "\": ";
    const std::size_t at = json.find(key);
    values.push_back(at == std::string::npos
                         ? std::numeric_limits<double>::quiet_NaN()
                         : std::strtod(json.c_str() + at + key.size(), nullptr));
  }
  return values;
}

entry entry_for(const std::string& peer) {
  entry e{"Python: " + peer, role::peer, {}};
  for (const auto& [where, word] :
       {std::pair(placement::same_cpu, "same"), std::pair(placement::cross_cpu, "apart"),
        std::pair(placement::free, "free")}) {
    if (where == placement::cross_cpu && usable_cpus() < 2) continue;
    const round_trip what{way::call, where};
    entry::run run{{what.name(), what.figures()}, nullptr};
    run.measure = [figures = what.figures(), start = script + ' ' + peer + ' ' + word](effort f) {
      return read_figures(output_of(start + ' ' + std::to_string(f.seconds)), figures);
    };
    run.rounds = 2;  // starting Python takes longer than measuring
    e.runs.push_back(std::move(run));
  }
  return e;
}

}  // namespace

void enter_python() {
  if (access("/usr/bin/python3", X_OK) != 0) return;
  std::istringstream installed(output_of(script));
  for (std::string peer; std::getline(installed, peer);) field().push_back(entry_for(peer));
}

}  // namespace bench
