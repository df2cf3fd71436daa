#pragma once

#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "harness/costs.hpp"
#include "harness/held_loop.hpp"
#include "harness/measure.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// What a submission costs inside a signal handler. Nobody else's can be called there.
struct from_handler {
  static constexpr int batch = 100;  // fits the pool

  std::string name() const { return "post_reentrant in a signal handler"; }
  std::vector<figure> figures() const {
    return {{"loop held", "ns"}, {"loop asleep", "ns"}, {"allocations", "per 1000"}};
  }
  template <class C>
  static constexpr bool fits = requires(C& c) { c.bridge(); };

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    sum_ = 0;
    bridge_of<C>() = &c.bridge();
    struct sigaction now{};
    struct sigaction before{};
    now.sa_handler = [](int) { handle<C>(); };
    sigaction(SIGUSR1, &now, &before);

    std::vector<double> held;
    std::vector<double> asleep;
    std::uint64_t allocations = 0;
    const auto end = in_seconds(e.seconds);
    while (held.size() < 10 || clock::now() < end) {
      held.push_back(while_held(c, allocations));
      asleep.push_back(while_asleep(c));
    }
    sigaction(SIGUSR1, &before, nullptr);
    require_sum(sum_, held.size() * batch + asleep.size());
    const double thousands = static_cast<double>(held.size()) * batch / 1000;
    return {median(held), median(asleep), static_cast<double>(allocations) / thousands};
  }

 private:
  template <class C>
  static auto*& bridge_of() {
    static decltype(&std::declval<C&>().bridge()) bridge = nullptr;
    return bridge;
  }

  template <class C>
  static void handle() {
    const int posts = posts_;
    const auto start = clock::now();
    for (int n = 0; n < posts; ++n) {
      // One that is refused is missed in the sum.
      static_cast<void>(
          bridge_of<C>()->post_reentrant([](int one) { sum_ += static_cast<unsigned>(one); }, 1));
    }
    time_ = nanoseconds_since(start) / posts;
  }

  template <class C>
  static double while_held(C& c, std::uint64_t& allocations) {
    const held_loop held(c);
    posts_ = batch;
    const costs before = costs::so_far();
    raise(SIGUSR1);
    allocations += (costs::so_far() - before).allocations;
    return time_;
  }

  template <class C>
  static double while_asleep(C& c) {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    posts_ = 1;
    raise(SIGUSR1);
    c.call([] {});
    return time_;
  }

  static inline std::uint64_t sum_ = 0;  ///< the loop's
  static inline int posts_ = 0;
  static inline double time_ = 0;
};

}  // namespace bench
