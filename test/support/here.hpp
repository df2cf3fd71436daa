#pragma once

#include <source_location>

namespace support {

/// A location that is known by heart, "here.cpp:7", for what takes one.
#line 7 "here.cpp"
constexpr std::source_location here = std::source_location::current();

}  // namespace support
