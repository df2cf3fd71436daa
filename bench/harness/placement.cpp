#include "placement.hpp"

#include <cerrno>
#include <system_error>

namespace bench {
namespace {

cpu_set_t current_mask() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) {
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  }
  return mask;
}

void set_mask(const cpu_set_t& mask) {
  if (sched_setaffinity(0, sizeof(mask), &mask) != 0) {
    throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
  }
}

/// What the process started with: the CPUs may be numbered with gaps, in a container say.
const cpu_set_t& usable() {
  static const cpu_set_t mask = current_mask();
  return mask;
}

int nth_usable_cpu(unsigned n) {
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &usable()) && n-- == 0) return cpu;
  }
  throw std::system_error(EINVAL, std::generic_category(), "not enough CPUs to pin threads apart");
}

}  // namespace

const char* to_string(placement p) {
  switch (p) {
    case placement::same_cpu:
      return "same CPU";
    case placement::cross_cpu:
      return "across CPUs";
    case placement::free:
      return "free placement";
  }
  return "";
}

unsigned usable_cpus() {
  return static_cast<unsigned>(CPU_COUNT(&usable()));
}

void pin_this_thread(placement p, end_of_call end) {
  if (p == placement::free) return set_mask(usable());
  const bool second = p == placement::cross_cpu && end == end_of_call::loop && usable_cpus() > 1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(nth_usable_cpu(second ? 1 : 0), &one);
  set_mask(one);
}

pinned_here::pinned_here(placement p, end_of_call end) : before_(current_mask()) {
  pin_this_thread(p, end);
}

pinned_here::~pinned_here() {
  sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace bench
