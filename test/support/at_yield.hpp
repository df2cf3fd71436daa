#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "support/libc_throw.hpp"

namespace support {

/// What is done by a side that spins, in place of letting others have the CPU. While there is
/// something, all threads count as on one CPU, and so do that.
///
/// To be included by one file of a test: it replaces functions of the C library.
inline std::atomic<void (*)()> at_yield{nullptr};

}  // namespace support

extern "C" int sched_yield() __THROW {
  const auto hook = support::at_yield.load();
  if (hook == nullptr) return static_cast<int>(syscall(SYS_sched_yield));
  hook();
  return 0;
}
extern "C" int sched_getcpu() __THROW {
  unsigned cpu = 0;
  if (support::at_yield.load() == nullptr) syscall(SYS_getcpu, &cpu, nullptr, nullptr);
  return static_cast<int>(cpu);
}
