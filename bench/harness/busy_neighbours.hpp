#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "placement.hpp"

namespace bench {

/// A thread on each of the first two CPUs that computes without end: another program's work.
class busy_neighbours {
 public:
  explicit busy_neighbours(bool wanted) {
    if (!wanted) return;
    for (const end_of_call end : {end_of_call::caller, end_of_call::loop}) {
      if (threads_.size() == usable_cpus()) break;
      threads_.emplace_back([this, end] {
        pin_this_thread(placement::cross_cpu, end);
        while (!ended_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  ~busy_neighbours() {
    ended_ = true;
    for (std::thread& t : threads_) t.join();
  }
  busy_neighbours(const busy_neighbours&) = delete;
  busy_neighbours& operator=(const busy_neighbours&) = delete;

 private:
  std::atomic<bool> ended_{false};
  std::vector<std::thread> threads_;
};

}  // namespace bench
