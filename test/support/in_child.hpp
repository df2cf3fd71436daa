#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
/// The child hands its answer over and is killed, because a leak checker that looked at it when it
/// exits would miss what only the parent's threads, which it has not, held on to.
template <class F>
int in_child(F&& f) {
  int answer[2];
  if (pipe(answer) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    int code = 200;
    try {
      code = f();
    } catch (...) {
    }
    [[maybe_unused]] const auto written = write(answer[1], &code, sizeof(code));
    kill(getpid(), SIGKILL);
  }
  close(answer[1]);
  int code = 0;
  const bool answered = child > 0 && read(answer[0], &code, sizeof(code)) == sizeof(code);
  close(answer[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  if (answered) return code;
  return WIFSIGNALED(status) ? 300 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace support
