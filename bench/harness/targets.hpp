#pragma once

#include <string>
#include <vector>

#include "report.hpp"

namespace bench {

/// A goal that was set beforehand, as data: see targets.cpp.
struct target {
  const char* goal;
  const char* contender;
  const char* measure;
  const char* figure;
  enum { at_most, at_least } relation;
  double limit;
  /// What the figure is divided by, round by round. No contender: nothing, the limit is in the
  /// figure's unit. `every_peer`: each of them, and the worst counts. No figure or measure: the
  /// same.
  const char* to = nullptr;
  const char* to_figure = nullptr;
  const char* to_measure = nullptr;
};
inline constexpr const char* every_peer = "every peer";

const std::vector<target>& targets();

/// What became of one.
struct verdict {
  const target* of;
  double measured;           ///< NaN: not measured
  std::string against;       ///< the contender that it was divided by; of several the best one
  const char* word() const;  ///< "met", "missed", "not measured"
};
std::vector<verdict> judge(const report& r, const std::vector<target>& by = targets());

void print_verdicts(const report& r, const std::vector<verdict>& all);

}  // namespace bench
