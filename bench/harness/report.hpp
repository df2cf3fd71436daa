#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "contender.hpp"
#include "measure.hpp"

namespace bench {

struct verdict;

/// All that was measured.
struct report {
  struct row {
    std::string contender;
    role is = role::peer;
    std::vector<std::vector<double>> values;  ///< [figure][round]; NaN: not measured in that round
  };
  struct block {
    measure_info what;
    std::vector<row> rows;  ///< floors, naive, ours, peers
  };

  std::vector<std::string> remarks;  ///< about the machine and the run
  std::vector<block> blocks;

  const block* find(std::string_view measure) const;
};

/// The row's values of a figure, or null.
const std::vector<double>* values_of(const report::block& b, std::string_view contender,
                                     std::string_view figure);

std::string to_string(role is);

/// Every row of every block.
void print_table(const report& r);
/// Every value of every round, and the verdicts, for bench/plot.py.
void write_json(const report& r, const std::vector<verdict>& verdicts, const std::string& file);

}  // namespace bench
