#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bench {

double percentile(std::vector<double> values, double percent) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double last = static_cast<double>(values.size() - 1);
  const auto at = static_cast<std::ptrdiff_t>(std::lround(last * percent / 100));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

double median(std::vector<double> values) {
  return percentile(std::move(values), 50);
}

comparison compare(const std::vector<double>& ours, const std::vector<double>& baseline,
                   better direction) {
  comparison c;
  c.median = median(ours);
  c.rounds = std::min(ours.size(), baseline.size());
  std::vector<double> ratios;
  for (std::size_t round = 0; round < c.rounds; ++round) {
    ratios.push_back(ours[round] / baseline[round]);
    if ((ratios.back() < 1) == (direction == better::lower)) ++c.rounds_won;
  }
  c.ratio = median(ratios);
  return c;
}

}  // namespace bench
