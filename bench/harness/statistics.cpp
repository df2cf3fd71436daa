#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

namespace bench {

double percentile(std::vector<double> values, double percent) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double last = static_cast<double>(values.size() - 1);
  const auto at = static_cast<std::ptrdiff_t>(std::lround(last * percent / 100));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

double median(std::vector<double> values) {
  return percentile(std::move(values), 50);
}

double paired_ratio(const std::vector<double>& one, const std::vector<double>& other) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(one.size(), other.size()); ++round) {
    // Of nothing and nothing: equal. What is measured in whole counts may well be zero.
    const bool both_zero = one[round] == 0 && other[round] == 0;
    ratios.push_back(both_zero ? 1 : one[round] / other[round]);
  }
  return median(std::move(ratios));
}

}  // namespace bench
