#pragma once

#include <algorithm>
#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "harness/busy_neighbours.hpp"
#include "harness/costs.hpp"
#include "harness/measure.hpp"
#include "harness/placement.hpp"
#include "harness/statistics.hpp"

namespace bench {

enum class way { call, submit_get, call_task };
enum class pace { back_to_back, paced };

/// What a caller waits for an int from the loop: one call after the other, or one each 300 us.
///
/// Where the two threads run decides it all: on one CPU it is two context switches; on two it is
/// waking a sleeping CPU twice; and where the scheduler is free it is now one and now the other.
struct round_trip {
  way how = way::call;
  placement where = placement::free;
  unsigned callers = 1;
  pace speed = pace::back_to_back;
  bool crowded = false;  ///< a busy thread on each CPU

  std::string name() const {
    std::string text = how == way::call         ? "call"
                       : how == way::submit_get ? "submit().get()"
                                                : "call of a task";
    if (callers > 1) text += ", " + std::to_string(callers) + " callers";
    if (speed == pace::paced) text += ", each 300 us";
    text += std::string(", ") + to_string(where);
    return crowded ? text + ", busy neighbours" : text;
  }
  std::vector<figure> figures() const {
    return {{"median", "us"}, {"mean", "us"},       {"p99", "us"},           {"p99.9", "us"},
            {"CPU", "us"},    {"switches", "each"}, {"system calls", "each"}};
  }
  template <class C>
  static constexpr bool fits = contender<C>;

  template <class C>
  bool fits_now() const {
    if (how == way::submit_get && !submitting<C>) return false;
    if (how == way::call_task && !tasking<C>) return false;
    if (requires { C::only_posts; }) return false;
    if constexpr (requires { C::one_caller; }) {
      if (callers > 1 || crowded) return false;
      if (C::apart && where != placement::cross_cpu) return false;
    }
    // Pinned is the loop: one.
    if (where != placement::free && requires { C::several_loops; }) return false;
    return where != placement::cross_cpu || usable_cpus() > 1;
  }

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    const pinned_here pinned(where, end_of_call::caller);
    c.call([this] { pin_this_thread(where, end_of_call::loop); });
    const busy_neighbours neighbours(crowded);
    std::vector<double> times;
    call_often(c, e.seconds / 5, e.most, times);  // warm
    return callers == 1 ? alone(c, e) : together(c, e);
  }

 private:
  template <class C>
  std::vector<double> alone(C& c, effort e) const {
    std::vector<double> times;
    const costs before = costs::so_far();
    call_often(c, e.seconds, e.most, times);
    return summary(times, costs::so_far() - before);
  }

  template <class C>
  std::vector<double> together(C& c, effort e) const {
    std::vector<std::vector<double>> times(callers);
    std::atomic<unsigned> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < callers; ++i) {
      threads.emplace_back([&, i] {
        times[i].reserve(1 << 12);
        ready.fetch_add(1);
        ready.notify_all();
        go.wait(false);
        call_often(c, e.seconds, e.most / callers, times[i]);
      });
    }
    for (unsigned n = ready; n != callers; n = ready) ready.wait(n);
    const costs before = costs::so_far();
    go.store(true);
    go.notify_all();
    for (std::thread& t : threads) t.join();
    const costs used = costs::so_far() - before;
    std::vector<double> all;
    for (const std::vector<double>& t : times) all.insert(all.end(), t.begin(), t.end());
    return summary(all, used);
  }

  template <class C>
  void call_often(C& c, double seconds, std::size_t most, std::vector<double>& us) const {
    us.clear();
    us.reserve(std::min<std::size_t>(most, 1 << 14));
    total counted;
    std::uint64_t& sum = counted.sum;
    const auto end = in_seconds(seconds);
    auto next = clock::now();
    for (auto now = next; (now < end && us.size() < most) || us.size() < 10;) {
      if (speed == pace::paced) {
        next = std::max(next + std::chrono::microseconds(300), now);
        std::this_thread::sleep_until(next);
        now = clock::now();
      }
      sum += static_cast<std::uint64_t>(one_call(c));
      const auto after = clock::now();
      us.push_back(std::chrono::duration<double, std::micro>(after - now).count());
      now = after;
    }
    require_sum(sum, us.size());
  }

  template <class C>
  int one_call(C& c) const {
    if constexpr (tasking<C>) {
      if (how == way::call_task) return c.call_task();
    }
    if constexpr (submitting<C>) {
      if (how == way::submit_get) return c.submit([] { return 1; }).get();
    }
    return c.call([] { return 1; });
  }

  static std::vector<double> summary(const std::vector<double>& us, const costs& used) {
    const auto calls = static_cast<double>(us.size());
    return {percentile(us, 50),
            std::accumulate(us.begin(), us.end(), 0.0) / calls,
            percentile(us, 99),
            percentile(us, 99.9),
            used.cpu_ns / 1e3 / calls,
            static_cast<double>(used.switches) / calls,
            static_cast<double>(used.system_calls) / calls};
  }
};

}  // namespace bench
