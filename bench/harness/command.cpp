#include "command.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>

namespace bench {

std::string output_of(const std::string& command) {
  FILE* const from = popen(command.c_str(), "r");
  if (from == nullptr) throw std::runtime_error("cannot run: " + command);
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), from)) {
    text.append(part.data(), size);
  }
  if (pclose(from) != 0) throw std::runtime_error("failed: " + command);
  return text;
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace bench
