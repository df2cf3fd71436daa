#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../held_loop.hpp"
#include "../measure.hpp"
#include "post_cost.hpp"

namespace bench {

/// What a coroutine's hop onto the loop costs the thread that it leaves, while the loop takes
/// nothing: to be seen beside post_loop_held. The frames are made before; `with frame` makes each
/// just before it hops.
struct coroutine_hop {
  static constexpr std::size_t each = post_loop_held::each;

  std::string name() const { return "coroutine's hop, loop held in a callable"; }
  std::vector<figure> figures() const {
    return {{"median", "ns"}, {"with frame", "ns"}, {"allocations", "per 1000"}};
  }
  template <class C>
  static constexpr bool fits = posting<C>&& requires(C& c, std::uint64_t& sum) {
    c.hop(sum);
  };

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    auto&& p = producer_of(c);
    total counted;
    std::uint64_t& sum = counted.sum;
    std::vector<decltype(c.hop(sum).frame)> frames(each);
    const auto batch = [&](auto&& make_before, auto&& hop) {
      for (auto& f : frames) make_before(f);
      held_loop held(p);
      const auto start = clock::now();
      for (auto& f : frames) hop(f);
      const double took = nanoseconds_since(start);
      one_event done;
      p.post([&done] { done.set(); });
      held.let_go();
      done.wait();
      return took;
    };
    const effort half{e.seconds / 2, e.idle_seconds, e.most / 2};
    const batches made_before(half, each, 10, 4, [&] {
      return batch([&](auto& f) { f = c.hop(sum).frame; }, [](auto& f) { f.resume(); });
    });
    const batches with_frame(half, each, 10, 4, [&] {
      return batch([](auto&) {}, [&](auto&) { c.hop(sum).frame.resume(); });
    });
    require_sum(sum, (made_before.ns.size() + with_frame.ns.size()) * each);
    return {median(made_before.ns), median(with_frame.ns),
            made_before.allocations_per_1000(each + 2)};
  }
};

}  // namespace bench
