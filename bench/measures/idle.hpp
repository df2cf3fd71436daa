#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "harness/child.hpp"
#include "harness/costs.hpp"
#include "harness/measure.hpp"

namespace bench {

/// What a loop that has been busy uses up when nobody calls any more, until it sleeps and after.
struct idle {
  static constexpr std::size_t rounds = 1;

  std::string name() const { return "idle, 10 s (quick: 2 s) after 2000 calls"; }
  std::vector<figure> figures() const { return {{"CPU", "ms"}, {"switches", ""}}; }
  template <class C>
  static constexpr bool fits = C::is == role::ours || C::is == role::baseline;

  template <class C>
  std::vector<double> run(effort e) const {
    return ask_child(name(), C::name, e);
  }

  template <class C>
  std::vector<double> run_in_child(effort e) const {
    C c;
    for (int n = 0; n < 2000; ++n) c.call([] {});
    const costs before = costs::so_far();
    std::this_thread::sleep_for(std::chrono::duration<double>(e.idle_seconds));
    const costs used = costs::so_far() - before;
    // Of 2 s in the quick mode: not multiplied, because what there is comes once, at the start.
    return {used.cpu_ns / 1e6, static_cast<double>(used.switches)};
  }
};

}  // namespace bench
