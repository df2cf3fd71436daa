#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

namespace support {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool has_asan = true;
#elif defined(__has_feature)
inline constexpr bool has_asan = __has_feature(address_sanitizer);
#else
inline constexpr bool has_asan = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool has_tsan = true;
#elif defined(__has_feature)
inline constexpr bool has_tsan = __has_feature(thread_sanitizer);
#else
inline constexpr bool has_tsan = false;
#endif

/// ThreadSanitizer ends a forked child of several threads that starts one.
inline constexpr bool children_may_start_threads = !has_tsan;

/// Runs `f` in a forked child and gives what it returns: 0 for "all well", else which check failed.
/// 200: it threw; 300 + n: signal n ended it (SIGALRM, 314: it hung).
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
    for (const int end : {SIGABRT, SIGSEGV, SIGTERM}) signal(end, SIG_DFL);  // not doctest's report
    try {
      result->code = f();
    } catch (...) {
    }
    result->is_there = true;
    raise(SIGKILL);
  }
  int status = 0;
  const bool ended = child > 0 && waitpid(child, &status, 0) == child;
  const report got = *result;
  munmap(page, sizeof(report));
  if (!ended) return -1;
  if (got.is_there) return got.code;
  return WIFSIGNALED(status) ? 300 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace support
