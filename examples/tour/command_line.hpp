#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace tour {

struct command_line {
  std::vector<std::string> files;
  std::uint16_t port = 0;    ///< 0: any free one
  std::uint64_t rounds = 0;  ///< 0: as long as `time`
  std::chrono::milliseconds time = std::chrono::seconds(6);
  bool help = false;
};

/// A command line that makes no sense: what() says why.
class bad_usage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

command_line parse(int argc, const char* const* argv);

extern const char* const usage;

}  // namespace tour
