#include "breakpoint.hpp"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stepping {
namespace {

constexpr unsigned levels = 3;  // counted from 1; a processor has four

/// Trivial, so that a handler reaches it without a guard; initial-exec, without the linker.
struct descriptor {
  int fd;
  bool refused;
  pid_t process;  ///< who opened it; in a forked child it is still that of the parent's thread
};
thread_local descriptor descriptors[levels];

struct close_at_thread_exit {
  bool armed = false;
  ~close_at_thread_exit() {
    if (!armed) return;
    for (const descriptor& d : descriptors) {
      if (d.fd > 0) close(d.fd);
    }
  }
};
thread_local close_at_thread_exit closer;

perf_event_attr execution_of(std::uintptr_t address) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.bp_type = HW_BREAKPOINT_X;
  attr.bp_addr = address;
  attr.bp_len = sizeof(long);
  attr.sample_period = 1;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  attr.disabled = 1;
  attr.sigtrap = 1;
  attr.remove_on_exec = 1;  // sigtrap wants it
  return attr;
}

}  // namespace

bool breakpoint::set(unsigned level, std::uintptr_t address) {
  descriptor& d = descriptors[level];
  perf_event_attr attr = execution_of(address);
  if (d.process != getpid()) {
    closer.armed = true;
    d.process = getpid();
    const long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    d.refused = fd < 0;
    d.fd = d.refused ? 0 : static_cast<int>(fd);
  } else if (!d.refused && ioctl(d.fd, PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &attr) != 0) {
    return false;
  }
  // ioctl, not syscall(): the library's doorbell is stepped through that.
  return !d.refused && ioctl(d.fd, PERF_EVENT_IOC_ENABLE, 0) == 0;
}

void breakpoint::clear(unsigned level) {
  const descriptor& d = descriptors[level];
  if (d.fd > 0) ioctl(d.fd, PERF_EVENT_IOC_DISABLE, 0);
}

}  // namespace stepping
