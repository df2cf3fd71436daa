#pragma once

#include <cstdint>
#include <span>

#include "account.hpp"
#include "world.hpp"

namespace soak {

/// One life of a few bridges: they start, actors act on them, they end while actors look at what is
/// left, and the account is settled.
struct round_limits {
  unsigned actors = 3;
  unsigned operations = 400;  ///< of each actor
  bool signals = true;
  bool forks = true;
};

/// Everything from `seed`, the schedule aside. `books` has the complaints afterwards.
void play_round(account& books, tally& counts, std::uint64_t seed, const round_limits& limits,
                faults* broken = nullptr);

/// Everything from `bytes`: one thread decides, and may have a second one do things.
void play_bytes(account& books, tally& counts, std::span<const std::uint8_t> bytes);

}  // namespace soak
