#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "loopbridge/detail/sync/deadline.hpp"

/// All that the library asks of an operating system, beyond libuv and the C++ library. No other
/// folder includes a system's header or asks which system this is.
///
///   linux_inline.hpp       what is asked for so often that a call more would be felt
///   linux.cpp              waiting by address, forks, error texts
///   linux_threads.cpp      threads, their ends, their names
///   linux_signals.cpp      masks
///   linux_descriptors.cpp  close-on-exec from the first moment on, never 0, 1 or 2; files
///   linux_wakeup_fd.cpp    an eventfd; posix_wakeup_fd.cpp does the same with a pipe
///   pause_cpu.cpp, tick_count.hpp   the instruction for it, by architecture
///
/// Another system gets files beside these that define the same functions, and meson.build chooses.
/// What can fail returns 0 or errno's error, if nothing else is said.
namespace loopbridge::detail::platform {

// ---- Waiting by address. Any thread, any handler; no lock, no allocation, errno is kept, and a
// cancelled thread is not ended in here.

/// Sleeps until `word` is not `expected`, or a wake_all() after that, or `until`; may return early.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline until) noexcept;
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

// ---- Forks.

/// Memory full of zeros that a forked child finds full of zeros again, by whichever system call it
/// was forked; some systems only say so. Throws std::system_error.
void* map_wiped_in_children(std::size_t size);
void unmap(void* memory, std::size_t size) noexcept;

/// The two last run in the parent and in the child, after the fork. Each may be null.
int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept;

// ---- Threads. Each is named by a number as long as it runs; later another one may have the same.

using thread_id = std::uintptr_t;  ///< 0: none

// Any thread, any handler; errno is kept.

inline thread_id this_thread() noexcept;
/// The CPU that the caller runs on, or ran on a moment ago; -1: unknown.
int current_cpu() noexcept;
/// Lets another thread have this CPU.
void yield_cpu() noexcept;
/// For a loop that looks at memory again and again: makes it easier for the CPU's other half.
void pause_cpu() noexcept;

/// Signals, as the system keeps a set of them: on Linux a sigset_t, by std::bit_cast.
struct signal_mask {
  std::uint64_t words[16];
};

/// What a thread runs, as a base of all that it needs for that.
struct thread_body {
  /// All that the thread does. It must return: pthread_exit or a cancellation in there ends the
  /// process, since a thread that waits for this one would wait for ever.
  void (*run)(thread_body& self) noexcept = nullptr;
  signal_mask blocked{};  ///< by the thread, from its first moment on
};
std::size_t default_stack_size() noexcept;
/// `stack_size` is rounded up to whole pages. Started, `body` is the thread's.
int start_thread(thread_id& started, std::size_t stack_size, thread_body& body) noexcept;
/// One of the two, once for each started thread.
void join_thread(thread_id started) noexcept;
void detach_thread(thread_id started) noexcept;

/// Cut to what the system allows.
void name_this_thread(const std::string& name) noexcept;
/// The number by which the system's tools know the calling thread. Any handler.
std::uint64_t number_of_this_thread() noexcept;
/// Is the caller the thread that main() began on? False where that is not known.
bool is_main_thread() noexcept;

/// Has `run` called at the end of each thread that has set the key, with what it was set to, which
/// is not null: after the destructors of the thread's thread_local objects.
using thread_end_key = std::uint32_t;
int make_thread_end_key(thread_end_key& made, void (*run)(void*)) noexcept;
int set_thread_end_key(thread_end_key key, const void* value) noexcept;
/// No `run` of this key begins any more.
void delete_thread_end_key(thread_end_key key) noexcept;

/// While it stands, pthread_cancel does not end the calling thread; it does so at the thread's next
/// cancellation point after that. (Deferred cancellation: the asynchronous kind is unsupported.)
///
/// Needed wherever we reach a system call that is a cancellation point: in libuv, whose C code does
/// not clean up when a thread is unwound through it, and in functions that are noexcept, where the
/// unwinding would be std::terminate. Any thread, any handler.
class cancellation_disabled {
 public:
  cancellation_disabled() noexcept;
  ~cancellation_disabled();
  cancellation_disabled(const cancellation_disabled&) = delete;
  cancellation_disabled& operator=(const cancellation_disabled&) = delete;

 private:
  int before_;
};

// ---- Signals.

/// All signals, but those that one of a thread's own instructions raises: blocked, these would end
/// the process and not even reach their handler.
signal_mask asynchronous_signals() noexcept;
/// What options::blocked_signals says of a bridge that does not set it.
signal_mask default_blocked_signals() noexcept;

/// While it stands, no handler interrupts the calling thread, but for a signal that one of its own
/// instructions raises. What the thread blocks itself stays blocked.
///
/// For a few instructions under a lock that a loop's thread, or another getter of a queue, takes
/// too: a handler in between could wait for that very thread.
class signals_blocked {
 public:
  signals_blocked() noexcept;
  ~signals_blocked();
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  signal_mask before_;
  bool blocked_;
};

/// Which signals the thread of a loop of our own has open at times, where options::blocked_signals
/// leaves that to us.
///
/// It blocks nearly all, lest it take what others are to have: handlers of the program, and threads
/// that fetch signals. But what a callable starts inherits its mask, and a program that blocks
/// these from its beginning cannot be ended, times itself out never, and waits for children in
/// vain (dash's `wait` does). So while callables may run it opens those of them that nobody else is
/// to have: the program has no handler, and the bridge's maker does not block them either. While it
/// sleeps, which is most of the time, it blocks them all.
///
/// SIGCHLD is open besides while the loop has children of uv_spawn's: libuv learns of their ends in
/// a handler, which some thread must run, and the program may have blocked it in all of its own.
class loop_signals {
 public:
  /// The maker's thread, before there is one for the loop.
  void begin() noexcept;

  // Loop thread. Both do nothing without begin(). `has_children`: of uv_spawn's.

  /// Callables may run. Looks at what handlers there are if it has not lately: it takes a system
  /// call for each signal, which a loop that is woken every 300 us would feel. `now` in
  /// milliseconds.
  void open(std::uint64_t now, bool has_children) noexcept;
  /// The loop will sleep.
  void close(bool has_children) noexcept;

 private:
  static constexpr std::uint64_t look_interval = 10;  ///< milliseconds

  unsigned without_handler() const noexcept;
  void set(unsigned wanted) noexcept;

  bool minds_ = false;
  unsigned may_open_ =
      0;  ///< those that the maker has open: bits, in an order of linux_signals.cpp
  unsigned unhandled_ = 0;  ///< those of them that had no handler when it last looked
  unsigned open_ = 0;
  std::uint64_t looked_at_ = 0 - look_interval;
};

// ---- Descriptors of the library's own: close-on-exec from the first moment on, and never one of
// the standard streams' numbers 0, 1 and 2, also where the program runs without these. What is
// written to stderr would go there, a program that opens its streams anew would close them, and
// libuv ends the process where it is to close one of its own with such a number.

/// `fd`, or, if it is 0, 1 or 2, another descriptor for the same. -1 and errno, as from the
/// function that opened it: there is none, and `fd` is closed.
int above_standard_streams(int fd) noexcept;

/// Another descriptor for what `fd` is one for. -1 and errno.
int duplicate(int fd) noexcept;
/// Which socket it is: its duplicates have the same number, and no other socket that is open at the
/// same time has. 0: it is no socket, or not open.
std::uint64_t number_of_socket(int fd) noexcept;

/// Could `count` more be opened? At most 8. Another thread may take them meanwhile.
int try_descriptors(unsigned count) noexcept;

/// While it stands no 0, 1 and 2 are free, so that libuv opens others. Reading and writing those
/// that were closed fails as before. Any thread. What cannot be had stays free.
class standard_streams_taken {
 public:
  standard_streams_taken() noexcept;
  ~standard_streams_taken();
  standard_streams_taken(const standard_streams_taken&) = delete;
  standard_streams_taken& operator=(const standard_streams_taken&) = delete;

 private:
  unsigned taken_;
};

/// From now on in each child that is forked, too, where libuv opens its signals' pipe anew. After a
/// uv_loop_init(): see there. Throws std::system_error.
void take_standard_streams_in_forks();

/// Makes a poll return that looks for what can be read: libuv's loop's, or any other. Its copies
/// are the same descriptors, which one of them closes.
class wakeup_fd {
 public:
  int open() noexcept;
  /// After a failed open(), too.
  void close() noexcept;
  /// To be polled for what can be read.
  int fd() const noexcept { return read_fd_; }

  /// Makes it readable. EINTR: not yet, ask again. Other errors: the descriptor is not ours any
  /// more. Any thread, any handler; no cancellation point; errno is not kept.
  int ring() noexcept;
  /// Makes it unreadable. What rings after this is not lost.
  void silence() noexcept;
  /// Has each ring wake `poller`, which polls it already, without a silence() in between. False:
  /// that cannot be had, so it must be silenced each time. `poller` is libuv's uv_backend_fd.
  bool wake_by_edges(int poller) noexcept;

 private:
  int read_fd_ = -1;
  int write_fd_ = -1;
};

/// Can something be read from `fd` without waiting?
bool is_readable(int fd) noexcept;

inline constexpr int standard_error = 2;
/// Handlers too, for a process's last words.
int write_all(int fd, std::string_view text) noexcept;
/// A file that grows at its end, and is made if there is none. -1 and errno: it cannot be opened.
int open_to_append(const char* path) noexcept;
void close(int fd) noexcept;

// ---- Clocks and texts.

/// The processor's own counter of time, in ticks of a rate that is not known: by one instruction,
/// where there is one.
inline std::uint64_t tick_count() noexcept;

/// The system's text for an errno, neither translated nor allocated; null: there is none. Any
/// handler.
const char* error_text(int number) noexcept;

}  // namespace loopbridge::detail::platform

#include "platform/linux_inline.hpp"
#include "platform/tick_count.hpp"
