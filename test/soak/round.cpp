#include "round.hpp"

#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "operations.hpp"
#include "stage.hpp"
#include "support/in_child.hpp"

namespace soak {
namespace {

using engine = random_choices<std::mt19937_64>;

}  // namespace

void play_round(account& books, tally& counts, std::uint64_t seed, const round_limits& limits,
                faults* broken) {
  const under_watch watched;
  engine c(mixed(seed, 0));
  stage s(books, counts, c, broken);
  s.in().may_fork = limits.forks && support::children_may_start_threads;
  std::barrier<> together(static_cast<std::ptrdiff_t>(limits.actors) + 1);
  std::vector<std::thread> actors;
  for (unsigned n = 1; n <= limits.actors; ++n) {
    actors.emplace_back([&, n]() noexcept {
      engine own(mixed(seed, n));
      acting act(s, mixed(seed, n));
      for (unsigned left = limits.operations; left > 0; --left) perform(s.in(), own);
      act.leave_bridges();
      together.arrive_and_wait();  // everybody is at rest ...
      together.arrive_and_wait();  // ... until here
      for (unsigned left = limits.operations / 8; left > 0; --left) {
        perform_on_handles(s.in(), own);
      }
    });
  }
  s.start_helping(mixed(seed, 1000), limits.signals);
  together.arrive_and_wait();
  if (c.below(2) == 0 && broken == nullptr) s.await_quiet();
  together.arrive_and_wait();
  s.end_bridges(c);
  for (std::thread& t : actors) t.join();
  s.stop_helping();
  s.settle();
}

}  // namespace soak
