#pragma once

#include <string_view>

namespace bench {

/// CPU time of the compiler that compiled the bench, for a file of measures/compiled/.
double milliseconds_to_compile(std::string_view file, std::string_view level);

}  // namespace bench
