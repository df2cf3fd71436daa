#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// The places at which the library names a memory order, and what happens with a weaker one there.
namespace weak {

struct site {
  std::string_view file;  ///< as the compiler names it
  std::uint32_t line = 0;
  bool failure = false;  ///< the second order of a compare_exchange
  auto operator<=>(const site&) const = default;
};

/// The order to use at `s`, where the source says `written`. Notes the place, and who came by.
std::memory_order order_at(const site& s, std::memory_order written);
/// The scenario that comes by from now on: its index.
void now_running(std::size_t scenario);

/// One order of one place, made weaker.
struct weakening {
  site at;
  std::memory_order written;
  std::memory_order instead;
  std::set<std::size_t> scenarios;  ///< that come by
  std::string name() const;         ///< "bell.hpp: store seq_cst -> release: episode_.store(...)"
};

/// The places in `file` (of the library, with its folder) where an order other than relaxed is
/// named, by their lines, that no scenario has come by.
std::vector<std::string> unvisited(const std::string& file);

/// All the next weaker orders of all places that were come by so far.
std::vector<weakening> all_weakenings();
/// From now on `w` holds; null: all is as it is written.
void weaken(const weakening* w);

}  // namespace weak
