#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure.hpp"

namespace bench {

/// Has a process of its own measure it, by entry::run::in_child: memory is the process's, and so is
/// the CPU time of one that idles.
std::vector<double> ask_child(const std::string& measure, std::string_view contender, effort e);

/// The child's side: prints the values.
void print_values(const std::vector<double>& values);

/// Resident memory of this process, in bytes: now, and at its highest.
double resident();
double peak_resident();

}  // namespace bench
