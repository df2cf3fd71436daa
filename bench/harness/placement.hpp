#pragma once

#include <sched.h>

namespace bench {

/// Where the two ends of a call run.
enum class placement { same_cpu, cross_cpu, free };
enum class end_of_call { caller, loop };

const char* to_string(placement p);

/// How many CPUs this process may use.
unsigned usable_cpus();

/// Binds the calling thread to the CPU of its end; free: to none.
void pin_this_thread(placement p, end_of_call end);

/// Binds the calling thread while it lives.
class pinned_here {
 public:
  pinned_here(placement p, end_of_call end);
  ~pinned_here();
  pinned_here(const pinned_here&) = delete;
  pinned_here& operator=(const pinned_here&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace bench
