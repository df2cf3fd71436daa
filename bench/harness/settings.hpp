#pragma once

#include <cstddef>
#include <string>

#include "measure.hpp"

namespace bench {

struct settings {
  std::size_t rounds = 3;
  effort each;
  bool full = false;
  std::string only;      ///< measures with this in their name; empty: all
  std::string of;        ///< contenders with this in their name; empty: all
  std::string json;      ///< file; empty: none
  std::string child_of;  ///< not empty: this process measures that contender for another
  std::string child_measure;
};

/// Exits where there is nothing to run: asked for help, or not understood.
settings parse(int argc, char** argv);

}  // namespace bench
