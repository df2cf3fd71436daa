#pragma once

#include <string>

namespace bench {

/// Runs a command and returns what it printed. Throws std::runtime_error where it fails, with the
/// command.
std::string output_of(const std::string& command);

/// In single quotes, for a command.
std::string quoted(const std::string& text);

}  // namespace bench
