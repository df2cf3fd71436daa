#pragma once

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "gate.hpp"

namespace support {

/// The deadline of calls that have none of their own (call, stop, a destructor): ends the process
/// if it stands for too long, since a thread that hangs cannot be made to go on.
class watchdog {
 public:
  watchdog()
      : thread_([done = done_]() noexcept {
          if (done.wait()) return;
          std::fputs("a blocking call did not return in time\n", stderr);
          std::abort();
        }) {}
  ~watchdog() {
    done_.open();
    thread_.join();
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  gate done_;
  std::thread thread_;
};

}  // namespace support
