#pragma once

namespace loopbridge::detail {

// Descriptors of the library's own: close-on-exec from the first moment on, and never one of the
// standard streams' numbers 0, 1 and 2, also where the program runs without these. What is written
// to stderr would go there, a program that opens its streams anew would close them, and libuv ends
// the process where it is to close one of its own with such a number.

/// `fd`, or, where that is 0, 1 or 2, another one in its place. -1 and errno, as from what opened
/// it: there is none, and `fd` is closed.
int above_standard_streams(int fd) noexcept;

/// A pipe that does not block. 0, or errno's error.
int open_pipe(int (&fds)[2]) noexcept;

/// While it stands no 0, 1 and 2 are free, so that libuv opens others: those that are closed are as
/// good as closed, to whoever reads and writes there. Any thread. What cannot be had stays free.
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

}  // namespace loopbridge::detail
