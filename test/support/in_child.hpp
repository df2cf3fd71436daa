#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "sanitizers.hpp"

namespace support {

/// How a child of ours ended: its exit code, or 300 + the signal that ended it. -1: no such child.
inline int exit_code_of(pid_t child) {
  int how = 0;
  if (waitpid(child, &how, 0) != child) return -1;
  return WIFEXITED(how) ? WEXITSTATUS(how) : 300 + WTERMSIG(how);
}

/// Runs `f` in a forked child and gives what it returns: 0 for "all well", else which check failed.
/// 200: it threw; 300 + n: signal n ended it (SIGALRM, 314: it hung), and no core is left of it.
///
/// The child leaves its result in shared memory and is ended by SIGKILL, because Valgrind would
/// report at any exit what the threads had that exist in the parent only.
template <class F>
int in_child(F&& f) {
  struct report {
    int code;
    bool is_there;
  };
  void* const page =
      mmap(nullptr, sizeof(report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -1;
  auto* const result = ::new (page) report{200, false};
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (const int end : {SIGABRT, SIGSEGV, SIGTERM}) signal(end, SIG_DFL);  // not doctest's report
    try {
      result->code = f();
    } catch (...) {
    }
    result->is_there = true;
    raise(SIGKILL);
  }
  const int ended = child > 0 ? exit_code_of(child) : -1;
  const report got = *result;
  munmap(page, sizeof(report));
  return ended != -1 && got.is_there ? got.code : ended;
}

}  // namespace support
