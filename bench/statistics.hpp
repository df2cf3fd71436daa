#pragma once

#include <cstddef>
#include <vector>

#include "measurement.hpp"

namespace bench {

/// The value that `percent` of the others do not exceed. NaN of none.
double percentile(std::vector<double> values, double percent);
double median(std::vector<double> values);

/// How one contender did beside the baseline. Rounds are compared with themselves: the load of the
/// machine changes between rounds, and within one it is much the same for all.
struct comparison {
  double median = 0;
  double ratio = 1;  ///< median over the rounds of (ours / baseline)
  std::size_t rounds = 0;
  std::size_t rounds_won = 0;
};
comparison compare(const std::vector<double>& ours, const std::vector<double>& baseline,
                   better direction);

}  // namespace bench
