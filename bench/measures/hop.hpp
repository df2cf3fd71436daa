#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/costs.hpp"
#include "harness/held_loop.hpp"
#include "harness/measure.hpp"
#include "harness/statistics.hpp"
#include "post_cost.hpp"

namespace bench {

/// What a coroutine's hop onto the loop costs the thread that it leaves, while the loop takes
/// nothing, and what a post costs there: batches of the one and the other in turn, so that both
/// meet the same caches. The frames are made before; `with frame` makes each just before it hops.
struct coroutine_hop {
  static constexpr std::size_t each = post_loop_held::each;

  std::string name() const { return "coroutine's hop, loop held in a callable"; }
  std::vector<figure> figures() const {
    return {{"median", "ns"}, {"with frame", "ns"}, {"post", "ns"}, {"allocations", "per 1000"}};
  }
  template <class C>
  static constexpr bool fits = posting<C> && requires(C& c, std::uint64_t& sum) { c.hop(sum); };

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    total counted;
    std::uint64_t& sum = counted.sum;
    std::vector<decltype(c.hop(sum).frame)> frames(each);
    costs used;
    const auto batch = [&](std::vector<double>& ns, auto&& one) {
      const held_loop held(c);
      const costs before = costs::so_far();
      const auto start = clock::now();
      for (auto& f : frames) one(f);
      ns.push_back(nanoseconds_since(start) / each);
      used = costs::so_far() - before;
    };
    std::vector<double> hops;
    std::vector<double> with_frame;
    std::vector<double> posts;
    std::uint64_t allocations = 0;
    const auto end = in_seconds(e.seconds);
    while (hops.size() < 10 || (clock::now() < end && hops.size() < e.most / each)) {
      for (auto& f : frames) f = c.hop(sum).frame;
      batch(hops, [](auto& f) { f.resume(); });
      if (hops.size() > 4) allocations += used.allocations;  // before that there are new blocks
      batch(with_frame, [&](auto&) { c.hop(sum).frame.resume(); });
      batch(posts, [&](auto&) { c.post(add_to{&sum, 1}); });
    }
    require_sum(sum, 3 * hops.size() * each);
    return {median(hops), median(with_frame), median(posts),
            static_cast<double>(allocations) * 1000 / static_cast<double>(hops.size() * each)};
  }
};

}  // namespace bench
