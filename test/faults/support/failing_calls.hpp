#pragma once

// Stands between the program, with the library and libuv in it, and the functions below: they do
// what they always do, but fail on request. To be included by one file of an executable, whose
// definitions the dynamic linker prefers to libc's and libuv's.

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cstdarg>
#include <cstring>

#include "support/libc_throw.hpp"

namespace support::calls {

/// The n-th call of `name` fails with `error`, where it comes from this far.
struct fault {
  const char* name;
  int error;
  long first = 1;
  long last = 1;
};

namespace detail {
inline std::atomic<bool> armed{false};
inline fault wanted[2];
inline std::atomic<long> asked[2];
inline std::atomic<long> refused{0};

/// The error with which `name` is to fail now, or 0.
inline int error_for(const char* name) noexcept {
  if (!armed.load(std::memory_order_acquire)) return 0;
  for (int i = 0; i < 2; ++i) {
    if (wanted[i].name == nullptr || std::strcmp(wanted[i].name, name) != 0) continue;
    const long n = ++asked[i];
    if (n < wanted[i].first || n > wanted[i].last) continue;
    if (i == 0) ++refused;
    return wanted[i].error;
  }
  return 0;
}
template <class F>
F* next(const char* name) noexcept {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}
}  // namespace detail

inline void fail(const fault& f, const fault& also = {nullptr, 0}) {
  detail::wanted[0] = f;
  detail::wanted[1] = also;
  detail::asked[0] = detail::asked[1] = detail::refused = 0;
  detail::armed.store(true, std::memory_order_release);
}
/// How many waits of ours have come to the futex, and what else to do just before one sleeps.
inline std::atomic<long> futex_waits{0};
inline std::atomic<void (*)()> before_futex_wait{nullptr};
/// How often a doorbell was rung, the self-pipe or libuv's.
inline std::atomic<long> rings{0};
/// What else to do before mmap.
inline std::atomic<void (*)()> before_mmap{nullptr};

/// True: it has failed.
inline bool recover() {
  detail::armed = false;
  return detail::refused != 0;
}

}  // namespace support::calls

// ThreadSanitizer calls some of these before it can bear instrumented code; its tests are skipped.
#ifndef __SANITIZE_THREAD__

// NAME fails by setting errno and returning FAILED ...
#define LOOPBRIDGE_FAILS_BY_ERRNO(RESULT, NAME, FAILED, PARAMETERS, ARGUMENTS)                 \
  extern "C" RESULT NAME PARAMETERS {                                                          \
    static constinit std::atomic<RESULT(*) PARAMETERS> real{nullptr};                          \
    if (const int e = support::calls::detail::error_for(#NAME)) return errno = e, FAILED;      \
    if (real.load() == nullptr) real = support::calls::detail::next<RESULT PARAMETERS>(#NAME); \
    return real.load() ARGUMENTS;                                                              \
  }
// ... or by returning the error.
#define LOOPBRIDGE_FAILS_BY_RESULT(NAME, PARAMETERS, ARGUMENTS)                             \
  extern "C" int NAME PARAMETERS {                                                          \
    static constinit std::atomic<int(*) PARAMETERS> real{nullptr};                          \
    if (const int e = support::calls::detail::error_for(#NAME)) return e;                   \
    if (real.load() == nullptr) real = support::calls::detail::next<int PARAMETERS>(#NAME); \
    return real.load() ARGUMENTS;                                                           \
  }

// Called by us, and some by libuv too.
LOOPBRIDGE_FAILS_BY_ERRNO(int, pipe2, -1, (int* fds, int flags)__THROW, (fds, flags))
LOOPBRIDGE_FAILS_BY_ERRNO(int, eventfd, -1, (unsigned count, int flags)__THROW, (count, flags))
extern "C" void* mmap(void* at, size_t size, int protection, int flags, int fd,
                      off_t offset) __THROW {
  using function = void*(void*, size_t, int, int, int, off_t);
  if (const auto hook = support::calls::before_mmap.load()) hook();
  if (const int e = support::calls::detail::error_for("mmap")) return errno = e, MAP_FAILED;
  return support::calls::detail::next<function>("mmap")(at, size, protection, flags, fd, offset);
}
/// With error -1 it only says yes, as an emulator does.
extern "C" int madvise(void* at, size_t size, int advice) __THROW {
  const int e = support::calls::detail::error_for("madvise");
  if (e == -1) return 0;
  if (e != 0) return errno = e, -1;
  return support::calls::detail::next<int(void*, size_t, int)>("madvise")(at, size, advice);
}
LOOPBRIDGE_FAILS_BY_ERRNO(ssize_t, read, -1, (int fd, void* to, size_t size), (fd, to, size))
LOOPBRIDGE_FAILS_BY_RESULT(__register_atfork,
                           (void (*prepare)(), void (*parent)(), void (*child)(), void* of)__THROW,
                           (prepare, parent, child, of))
LOOPBRIDGE_FAILS_BY_RESULT(pthread_create,
                           (pthread_t * thread, const pthread_attr_t* attributes, void* (*f)(void*),
                            void* data) __THROW,
                           (thread, attributes, f, data))
LOOPBRIDGE_FAILS_BY_RESULT(pthread_sigmask, (int how, const sigset_t* to, sigset_t* from)__THROW,
                           (how, to, from))
LOOPBRIDGE_FAILS_BY_RESULT(pthread_setname_np, (pthread_t thread, const char* name)__THROW,
                           (thread, name))
LOOPBRIDGE_FAILS_BY_RESULT(pthread_key_create, (pthread_key_t * key, void (*end)(void*)) __THROW,
                           (key, end))
LOOPBRIDGE_FAILS_BY_RESULT(pthread_setspecific, (pthread_key_t key, const void* value)__THROW,
                           (key, value))
LOOPBRIDGE_FAILS_BY_RESULT(uv_loop_init, (uv_loop_t * loop), (loop))
LOOPBRIDGE_FAILS_BY_RESULT(uv_loop_close, (uv_loop_t * loop), (loop))
LOOPBRIDGE_FAILS_BY_RESULT(uv_poll_init, (uv_loop_t * loop, uv_poll_t* poll, int fd),
                           (loop, poll, fd))
LOOPBRIDGE_FAILS_BY_RESULT(uv_poll_start, (uv_poll_t * poll, int events, uv_poll_cb cb),
                           (poll, events, cb))
LOOPBRIDGE_FAILS_BY_RESULT(uv_async_init, (uv_loop_t * loop, uv_async_t* async, uv_async_cb cb),
                           (loop, async, cb))

// Called by libuv.
extern "C" ssize_t write(int fd, const void* from, size_t size) {
  if (fd > STDERR_FILENO) ++support::calls::rings;
  if (const int e = support::calls::detail::error_for("write")) return errno = e, -1;
  return support::calls::detail::next<ssize_t(int, const void*, size_t)>("write")(fd, from, size);
}
LOOPBRIDGE_FAILS_BY_ERRNO(int, epoll_create1, -1, (int flags)__THROW, (flags))
/// Of its operations "epoll_ctl_mod" is the library's.
extern "C" int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) __THROW {
  using support::calls::detail::error_for;
  const char* const name = operation == EPOLL_CTL_MOD ? "epoll_ctl_mod" : "epoll_ctl";
  if (const int e = error_for(name)) return errno = e, -1;
  return support::calls::detail::next<int(int, int, int, epoll_event*)>("epoll_ctl")(
      epoll, operation, fd, event);
}
/// libuv waits by the one or the other, depending on its version; here both are "epoll_wait".
extern "C" int epoll_pwait(int epoll, epoll_event* events, int most, int timeout,
                           const sigset_t* signals) {
  if (const int e = support::calls::detail::error_for("epoll_wait")) return errno = e, -1;
  static constinit std::atomic<int (*)(int, epoll_event*, int, int, const sigset_t*)> real{nullptr};
  if (real.load() == nullptr) {
    real = support::calls::detail::next<int(int, epoll_event*, int, int, const sigset_t*)>(
        "epoll_pwait");
  }
  return real.load()(epoll, events, most, timeout, signals);
}
extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return epoll_pwait(epoll, events, most, timeout, nullptr);
}

/// The system calls that we make without libc: the doorbell's "write", "futex_wait", "futex_wake".
/// A wait "fails" with error -1 by returning 0 although nobody has woken it.
extern "C" long syscall(long number, ...) __THROW {
  using support::calls::detail::error_for;
  if (number == SYS_write) ++support::calls::rings;
  static constinit std::atomic<long (*)(long, ...)> real{nullptr};
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  int error = 0;
  if (number == SYS_write) error = error_for("ring");
  if (number == SYS_futex) {
    const bool waits = (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    if (waits) ++support::calls::futex_waits;
    if (const auto hook = support::calls::before_futex_wait.load(); waits && hook) hook();
    error = error_for(waits ? "futex_wait" : "futex_wake");
  }
  if (error == -1) return 0;
  if (error != 0) return errno = error, -1;
  if (real.load() == nullptr) real = support::calls::detail::next<long(long, ...)>("syscall");
  return real.load()(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif
