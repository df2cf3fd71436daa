#pragma once

#include <vector>

namespace bench {

/// The value that `percent` of the others do not exceed. NaN of none. A value that is NaN was not
/// measured, and is left out.
double percentile(std::vector<double> values, double percent);
double median(std::vector<double> values);

/// The median over the rounds of (one / other). Rounds are compared with themselves: the load of
/// the machine changes between rounds, and within one it is much the same for all.
double paired_ratio(const std::vector<double>& one, const std::vector<double>& other);

}  // namespace bench
