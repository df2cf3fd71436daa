#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <source_location>

namespace support {

/// Locations whose line is a number of ours, so that a report tells which call it is about.
/// Compilers fill in what a std::source_location points to, and g++ and clang agree on what that
/// is.
class numbered_locations {
 public:
  numbered_locations(const char* file, std::uint32_t most) : all_(new parts[most]) {
    for (std::uint32_t n = 0; n < most; ++n) all_[n] = {file, "", n, 0};
  }
  std::source_location operator[](std::uint32_t n) const noexcept {
    return std::bit_cast<std::source_location>(&all_[n]);
  }
  bool has(const std::source_location& where) const noexcept {
    return where.file_name() == all_[0].file;
  }

 private:
  struct parts {
    const char* file;
    const char* function;
    std::uint32_t line;
    std::uint32_t column;
  };
  const std::unique_ptr<parts[]> all_;
};

}  // namespace support
