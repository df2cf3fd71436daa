// Counts system calls and allocations, by standing in front of the C library's functions: what an
// executable defines, every shared library of the process calls too.
#include <dlfcn.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>

#include "counting.hpp"

namespace bench {
namespace {

/// The function that ours hides.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

}  // namespace bench

/// COUNTED(count, result, name, (parameters), (arguments)): a function that counts and goes on to
/// the one that it hides. (Looked up by several threads at once, that does no harm. The label, and
/// not the name itself, because the system's headers declare some of these differently from
/// others.)
#define COUNTED(COUNT, RESULT, NAME, PARAMETERS, ARGUMENTS)   \
  extern "C" RESULT counted_##NAME PARAMETERS __asm__(#NAME); \
  extern "C" RESULT counted_##NAME PARAMETERS {               \
    static std::atomic<RESULT(*) PARAMETERS> real{nullptr};   \
    auto* to = real.load(std::memory_order_relaxed);          \
    if (to == nullptr) {                                      \
      to = bench::next<RESULT PARAMETERS>(#NAME);             \
      real.store(to, std::memory_order_relaxed);              \
    }                                                         \
    bench::COUNT();                                           \
    return to ARGUMENTS;                                      \
  }

// clang-format off
COUNTED(count_write, ssize_t, write, (int fd, const void* data, size_t size), (fd, data, size))
COUNTED(count_write, ssize_t, writev, (int fd, const iovec* v, int count), (fd, v, count))
COUNTED(count_write, ssize_t, send, (int fd, const void* data, size_t size, int flags),
        (fd, data, size, flags))
COUNTED(count_write, ssize_t, sendmsg, (int fd, const msghdr* m, int flags), (fd, m, flags))
COUNTED(count_write, int, eventfd_write, (int fd, eventfd_t value), (fd, value))
COUNTED(count_call, ssize_t, read, (int fd, void* data, size_t size), (fd, data, size))
COUNTED(count_call, ssize_t, recv, (int fd, void* data, size_t size, int flags),
        (fd, data, size, flags))
COUNTED(count_call, ssize_t, recvmsg, (int fd, msghdr* m, int flags), (fd, m, flags))
COUNTED(count_call, int, eventfd_read, (int fd, eventfd_t* value), (fd, value))
COUNTED(count_call, int, poll, (pollfd* fds, nfds_t count, int timeout), (fds, count, timeout))
COUNTED(count_call, int, ppoll,
        (pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask),
        (fds, count, timeout, mask))
COUNTED(count_call, int, epoll_wait, (int fd, epoll_event* events, int count, int timeout),
        (fd, events, count, timeout))
COUNTED(count_call, int, epoll_pwait,
        (int fd, epoll_event* events, int count, int timeout, const sigset_t* mask),
        (fd, events, count, timeout, mask))
COUNTED(count_call, int, epoll_ctl, (int fd, int op, int of, epoll_event* event),
        (fd, op, of, event))
COUNTED(count_call, int, sched_yield, (), ())

// Calls that have no function of their own go through syscall(): futex, and our doorbell's write.
using six_longs = long(long, long, long, long, long, long, long);
extern "C" long counted_syscall(long, long, long, long, long, long, long) __asm__("syscall");
extern "C" long counted_syscall(long number, long a, long b, long c, long d, long e, long f) {
  static std::atomic<six_longs*> real{nullptr};
  six_longs* to = real.load(std::memory_order_relaxed);
  if (to == nullptr) {
    to = bench::next<six_longs>("syscall");
    real.store(to, std::memory_order_relaxed);
  }
  number == SYS_write ? bench::count_write() : bench::count_call();
  return to(number, a, b, c, d, e, f);
}

// The allocator is the C library's, under its second name: dlsym() itself allocates.
extern "C" void* __libc_malloc(size_t size);
extern "C" void* __libc_calloc(size_t count, size_t size);
extern "C" void* __libc_realloc(void* block, size_t size);
extern "C" void* counted_malloc(size_t size) __asm__("malloc");
extern "C" void* counted_malloc(size_t size) {
  bench::count_allocation();
  return __libc_malloc(size);
}
extern "C" void* counted_calloc(size_t count, size_t size) __asm__("calloc");
extern "C" void* counted_calloc(size_t count, size_t size) {
  bench::count_allocation();
  return __libc_calloc(count, size);
}
extern "C" void* counted_realloc(void* block, size_t size) __asm__("realloc");
extern "C" void* counted_realloc(void* block, size_t size) {
  bench::count_allocation();
  return __libc_realloc(block, size);
}
