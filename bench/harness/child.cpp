#include "child.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "command.hpp"

namespace bench {
namespace {

/// A line of /proc/self/status, which is in KiB.
double status_of_process(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == key + ':' && status >> kib) return kib * 1024;
  }
  throw std::runtime_error("no " + key + " in /proc/self/status");
}

}  // namespace

std::vector<double> ask_child(const std::string& measure, std::string_view contender, effort e) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::istringstream printed(
      output_of(quoted(self) + " --child " + quoted(measure) + ' ' +
                quoted(std::string(contender)) + ' ' + std::to_string(e.seconds) + ' ' +
                std::to_string(e.idle_seconds) + ' ' + std::to_string(e.most)));
  std::vector<double> values;
  for (double value; printed >> value;) values.push_back(value);
  return values;
}

void print_values(const std::vector<double>& values) {
  for (const double value : values) std::printf("%.9g\n", value);
}

double resident() {
  return status_of_process("VmRSS");
}

double peak_resident() {
  return status_of_process("VmHWM");
}

}  // namespace bench
