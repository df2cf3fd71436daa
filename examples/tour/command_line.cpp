#include "command_line.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace tour {

const char* const usage =
    "usage: tour [OPTION...] FILE...\n"
    "\n"
    "Serves the files from a TCP server on one libuv loop, and fetches and checks them with four\n"
    "blocking threads through another, while signal handlers and destructors submit to it as "
    "well.\n"
    "The exit status is 0 if every byte was right and no submission was lost.\n"
    "\n"
    "  --port N      let the server listen on this port of 127.0.0.1 (default: any free one)\n"
    "  --seconds S   fetch for about this long, all files at least once (default: 6)\n"
    "  --rounds N    fetch every file N times instead\n"
    "  --help        print this\n";

namespace {

std::uint64_t whole_number(std::string_view option, std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) {
    throw bad_usage(std::string(option) + " takes a number up to " + std::to_string(most) +
                    ", not '" + std::string(text) + "'");
  }
  return value;
}

std::chrono::milliseconds seconds(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(value >= 0 && value <= 1e6)) {
    throw bad_usage("--seconds takes a number up to 1000000, not '" + text + "'");
  }
  return std::chrono::milliseconds(std::llround(value * 1000));
}

}  // namespace

command_line parse(int argc, const char* const* argv) {
  command_line result;
  bool options_over = false;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (options_over || name.size() < 2 || name[0] != '-') {
      result.files.push_back(name);
      continue;
    }
    std::string value;
    const auto equals = name.find('=');
    const bool has_value = equals != std::string::npos;
    if (has_value) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto argument = [&]() -> const std::string& {
      if (!has_value) {
        if (++i == argc) throw bad_usage(name + " needs a value");
        value = argv[i];
      }
      return value;
    };
    if (name == "--port") {
      result.port = static_cast<std::uint16_t>(whole_number(name, argument(), 65535));
    } else if (name == "--rounds") {
      result.rounds = whole_number(name, argument(), 1'000'000'000);
      if (result.rounds == 0) throw bad_usage("--rounds takes at least 1");
    } else if (name == "--seconds") {
      result.time = seconds(argument());
    } else if (name == "--help" || name == "-h") {
      result.help = true;
    } else if (name == "--") {
      options_over = true;
    } else {
      throw bad_usage("there is no option " + name);
    }
  }
  if (result.files.empty() && !result.help) throw bad_usage("no files given");
  return result;
}

}  // namespace tour
