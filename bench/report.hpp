#pragma once

#include <string>
#include <vector>

#include "measurement.hpp"

namespace bench {

/// All that was measured: for each figure and each contender one value per round.
struct report {
  std::vector<std::string> contenders;  ///< the first is the baseline, the second is ours
  std::vector<std::string> remarks;     ///< about the machine and the run
  struct row {
    figure what;
    std::vector<std::vector<double>> values;  ///< [contender][round]
  };
  std::vector<row> rows;
};

void print_table(const report& r);
/// Every value of every round, for other programs.
void print_json(const report& r);

}  // namespace bench
