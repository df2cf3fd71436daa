#pragma once

#include <sys/types.h>

namespace stepping {

/// A process that steps the calling thread with ptrace.
///
/// It is a child, for a process cannot trace itself. What it shall do it is told by a signal that
/// the thread sends to itself, SIGTRAP, at which a traced thread stops; single steps are told from
/// those by their si_code. The interruption is a SIGTRAP, too, since that is never blocked.
class tracer {
 public:
  /// Made at the thread's first call, not in a handler. Throws std::runtime_error if the system
  /// allows no tracing.
  static tracer& of_this_thread();

  /// From here on the thread is stepped; at boundary `number` it gets its signal.
  void step(unsigned number);
  /// Not stepped any more.
  void stop();

  tracer();
  ~tracer();
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;

 private:
  struct shared;
  void tell(unsigned number);
  [[noreturn]] static void trace(pid_t thread, shared& with);

  shared* shared_;
  pid_t process_;
  pid_t thread_;
  pid_t child_;
};

}  // namespace stepping
