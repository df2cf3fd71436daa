#include "compiler.hpp"

#include <sys/resource.h>

#include <string>

#include "command.hpp"

namespace bench {
namespace {

/// Of all children that have ended.
double milliseconds_so_far() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

double milliseconds_to_compile(std::string_view file, std::string_view level) {
  const std::string folder = BENCH_SOURCES;
  const std::string command = quoted(BENCH_COMPILER) + " -std=c++20 " + std::string(level) + " -I" +
                              quoted(folder + "/../include") + " -c -o /dev/null " +
                              quoted(folder + "/measures/compiled/" + std::string(file));
  const double before = milliseconds_so_far();
  output_of(command);
  return milliseconds_so_far() - before;
}

}  // namespace bench
