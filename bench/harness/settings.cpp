#include "settings.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {
namespace {

[[noreturn]] void usage(int status) {
  std::fputs(
      "usage: bench [--quick | --full] [--rounds N] [--only TEXT] [--of TEXT] [--json FILE]\n"
      "  --quick      under two minutes, rough figures: is anything far off? (the default)\n"
      "  --full       9 rounds, three times as long each: figures to quote\n"
      "  --rounds N   how often each contender is measured, in turns\n"
      "  --only TEXT  only the measures with TEXT in their name\n"
      "  --of TEXT    only naive and the contenders with TEXT in their name\n"
      "  --json FILE  also writes every value of every round there, and the verdicts\n",
      status == 0 ? stdout : stderr);
  std::exit(status);
}

}  // namespace

settings parse(int argc, char** argv) {
  settings s;
  const settings quick = s;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&]() -> const char* {
      if (++i == argc) usage(2);
      return argv[i];
    };
    if (arg == "--quick") {
      s.rounds = quick.rounds;
      s.each = quick.each;
      s.full = false;
    } else if (arg == "--full") {
      s.rounds = 9;
      s.each = {0.1, 10, 1'000'000};
      s.full = true;
    } else if (arg == "--rounds") {
      s.rounds = std::strtoul(value(), nullptr, 10);
      if (s.rounds == 0) usage(2);
    } else if (arg == "--only") {
      s.only = value();
    } else if (arg == "--of") {
      s.of = value();
    } else if (arg == "--json") {
      s.json = value();
    } else if (arg == "--child") {  // by ourselves: see child.hpp
      s.child_measure = value();
      s.child_of = value();
      s.each.seconds = std::strtod(value(), nullptr);
      s.each.idle_seconds = std::strtod(value(), nullptr);
      s.each.most = std::strtoul(value(), nullptr, 10);
    } else {
      usage(arg == "--help" ? 0 : 2);
    }
  }
  return s;
}

}  // namespace bench
