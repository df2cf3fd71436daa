#pragma once

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "doorbells.hpp"
#include "until.hpp"

namespace support {

/// The options of a bridge with room for so many calls.
inline loopbridge::options with_capacity(std::size_t calls) {
  loopbridge::options opts = with_each_doorbell();
  opts.capacity = calls;
  return opts;
}

/// Threads that each make one call of a bridge that is full.
class producers {
 public:
  template <class Call>
  producers(const loopbridge::bridge& b, unsigned threads, Call call) {
    for (unsigned n = 0; n < threads; ++n) {
      threads_.emplace_back([this, call]() noexcept {
        try {
          call();
          ++through;
        } catch (const loopbridge::bridge_stopped&) {
          ++stopped;
        } catch (const loopbridge::error&) {
        }
      });
    }
    until_blocked(b, threads);
  }
  void join() {
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  ~producers() { join(); }

  std::atomic<unsigned> through{0};
  std::atomic<unsigned> stopped{0};

 private:
  std::vector<std::thread> threads_;
};

}  // namespace support
