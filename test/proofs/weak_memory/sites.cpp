#include "sites.hpp"

#include <fstream>
#include <map>
#include <unordered_set>

namespace weak {
namespace {

struct note {
  std::memory_order written;
  std::set<std::size_t> scenarios;
};
std::map<site, note> noted;
std::size_t scenario = 0;
const weakening* in_force = nullptr;

const char* name_of(std::memory_order o) {
  switch (o) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    default:
      return "seq_cst";
  }
}

/// Where the library's source is: the compiler's name of it depends on where it ran. Empty for
/// other files, the scenarios' own.
std::string path_of(const site& s) {
  for (const char* folder : {"/include/loopbridge/", "/src/"}) {
    if (const auto at = s.file.rfind(folder); at != std::string_view::npos) {
      return LOOPBRIDGE_SOURCE_ROOT + std::string(s.file.substr(at));
    }
  }
  return "";
}

std::string line_of(const site& s) {
  std::ifstream file(path_of(s));
  std::string line;
  for (std::uint32_t i = 0; i < s.line; ++i) std::getline(file, line);
  const auto begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin);
}

}  // namespace

std::memory_order order_at(const site& s, std::memory_order written) {
  if (in_force != nullptr) {
    return in_force->at.line == s.line && in_force->at == s ? in_force->instead : written;
  }
  // Asked at every operation, so what is noted already must be found fast.
  static std::unordered_set<std::uintptr_t> known;
  const auto file = reinterpret_cast<std::uintptr_t>(s.file.data());
  if (!known.insert(((file * 4096 + s.line) * 2 + s.failure) * 64 + scenario).second) {
    return written;
  }
  if (!path_of(s).empty()) {
    noted.emplace(s, note{written, {}}).first->second.scenarios.insert(scenario);
  }
  return written;
}

std::vector<weakening> all_weakenings() {
  std::vector<weakening> all;
  for (const auto& [s, n] : noted) {
    const std::memory_order written = n.written;
    const auto add = [&, at = s, from = n](std::memory_order instead) {
      all.push_back({at, from.written, instead, from.scenarios});
    };
    // seq_cst becomes what is left of it for a load, a store, and both.
    if (written == std::memory_order_seq_cst) add(std::memory_order_acq_rel);
    if (written == std::memory_order_acq_rel) {
      add(std::memory_order_acquire);
      add(std::memory_order_release);
    }
    if (written == std::memory_order_acquire || written == std::memory_order_release) {
      add(std::memory_order_relaxed);
    }
  }
  return all;
}

void now_running(std::size_t index) {
  scenario = index;
}

std::vector<std::string> unvisited(const std::string& file) {
  std::vector<std::string> missed;
  std::ifstream source(file);
  const std::string name = file.substr(file.rfind('/'));
  std::string text;
  for (std::uint32_t line = 1; std::getline(source, text); ++line) {
    const auto order = text.find("std::memory_order_");
    if (order == std::string::npos || text.find("relaxed", order) == order + 18) continue;
    bool come_by = false;
    for (const auto& [s, n] : noted) {
      // The compiler names the first or the last line of an expression.
      come_by |= s.file.ends_with(name) && s.line + 3 >= line && s.line <= line + 3;
    }
    if (!come_by) missed.push_back(name.substr(1) + ":" + std::to_string(line) + ": " + text);
  }
  if (text.empty() && !source.eof()) missed.push_back(file + ": cannot be read");
  return missed;
}

void weaken(const weakening* w) {
  in_force = w;
}

std::string weakening::name() const {
  return std::string(at.file.substr(at.file.rfind('/') + 1)) + ":" + std::to_string(at.line) +
         ": " + name_of(written) + " -> " + name_of(instead) +
         (at.failure ? " on failure: " : ": ") + line_of(at);
}

}  // namespace weak
