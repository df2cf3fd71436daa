#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/detail/uv/uv_request.hpp"

namespace loopbridge {

/// `co_await fs(...)`, in a task: runs any of libuv's file functions.
///
///   co_await fs([&](uv_loop_t* loop, uv_fs_t* request, uv_fs_cb done) {
///     return uv_fs_rename(loop, request, from, to, done);
///   });
///
/// Gives the request's result, which is not negative. What is passed by address must last as long
/// as the co_await.
/// Throws   std::system_error with uv_category() if the function fails; `cancelled` when the task
///          is cancelled: a request that is at work already is waited for first
template <class Begin>
class fs final : public detail::uv_request<uv_fs_t> {
 public:
  /// `what` starts the message of an error. `undo` gets a result that a cancelled task has no use
  /// for: a file to close, say.
  explicit fs(Begin begin, std::string what = "a file operation",
              void (*undo)(uv_loop_t*, std::size_t) = nullptr)
      : begin_(std::move(begin)), what_(std::move(what)), undo_(undo) {}
  ~fs() { uv_fs_req_cleanup(&request_); }

  bool await_suspend(std::coroutine_handle<>) {
    return begun(begin_(loop(), &request_, [](uv_fs_t* r) {
      fs::done(r, r->result < 0 ? static_cast<int>(r->result) : 0);
    }));
  }
  std::size_t await_resume() {
    if (undo_ != nullptr && scope().is_cancelled() && request_.loop != nullptr &&
        request_.result >= 0) {
      undo_(loop(), static_cast<std::size_t>(request_.result));
    }
    throw_if_failed(what_);
    return static_cast<std::size_t>(request_.result);
  }

 private:
  Begin begin_;
  const std::string what_;
  void (*const undo_)(uv_loop_t*, std::size_t);
};
template <class Begin, class... More>
fs(Begin, More...) -> fs<Begin>;

/// A file that tasks read and write. One operation at a time.
///
/// Thread   the loop thread, for all its functions and its destructor
/// Throws   at the co_await of each function: std::system_error with uv_category(), and `cancelled`
///          when the task is cancelled
class file {
 public:
  /// Opens a file. `flags` and `mode` as for open(2): O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC ...
  static task<file> open(std::string path, int flags, int mode = 0644) {
    uv_loop_t* loop = nullptr;
    const auto fd = co_await fs(
        [&](uv_loop_t* l, uv_fs_t* r, uv_fs_cb done) {
          loop = l;
          return uv_fs_open(l, r, path.c_str(), flags, mode, done);
        },
        "cannot open '" + path + "'", &close_now);
    co_return file(loop, static_cast<uv_file>(fd), std::move(path));
  }

  file(file&& other) noexcept
      : loop_(other.loop_), fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  file& operator=(file&& other) noexcept {
    std::swap(loop_, other.loop_);
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    return *this;
  }
  /// Closes the file, on this thread, as close(2) seldom blocks. An error is lost: see close().
  ~file() {
    if (fd_ >= 0) close_now(loop_, static_cast<std::size_t>(fd_));
  }

  /// Reads at most `size` bytes at `offset`, or where the last read ended (-1). Gives how many; 0
  /// is the end of the file. The buffer must last until the co_await has ended.
  auto read(char* buffer, std::size_t size, std::int64_t offset = -1) {
    return fs(
        [=, this](uv_loop_t* l, uv_fs_t* r, uv_fs_cb done) {
          const uv_buf_t b = uv_buf_init(buffer, static_cast<unsigned>(size));
          return uv_fs_read(l, r, fd_, &b, 1, offset, done);
        },
        "cannot read '" + path_ + "'");
  }
  /// Writes all of `bytes` at `offset`, or where the last write ended (-1).
  task<> write(std::string_view bytes, std::int64_t offset = -1) {
    while (!bytes.empty()) {
      const std::size_t n = co_await fs(
          [&](uv_loop_t* l, uv_fs_t* r, uv_fs_cb done) {
            const uv_buf_t b =
                uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
            return uv_fs_write(l, r, fd_, &b, 1, offset, done);
          },
          "cannot write '" + path_ + "'");
      bytes.remove_prefix(n);
      if (offset >= 0) offset += static_cast<std::int64_t>(n);
    }
  }
  /// Closes the file, and throws what went wrong, such as a write that the disk has no room for.
  task<> close() {
    const uv_file fd = std::exchange(fd_, -1);
    if (fd < 0) co_return;
    co_await fs(
        [=](uv_loop_t* l, uv_fs_t* r, uv_fs_cb done) { return uv_fs_close(l, r, fd, done); },
        "cannot close '" + path_ + "'");
  }

 private:
  file(uv_loop_t* loop, uv_file fd, std::string path)
      : loop_(loop), fd_(fd), path_(std::move(path)) {}

  static void close_now(uv_loop_t* loop, std::size_t fd) {
    uv_fs_t now;  // without a callback: here
    uv_fs_close(loop, &now, static_cast<uv_file>(fd), nullptr);
    uv_fs_req_cleanup(&now);
  }

  uv_loop_t* loop_;
  uv_file fd_;
  std::string path_;
};

/// `co_await read_file(path)`, in a task: gives all that is in the file.
/// Throws   std::system_error with uv_category(), `cancelled`, std::bad_alloc
inline task<std::string> read_file(std::string path) {
  file f = co_await file::open(std::move(path), UV_FS_O_RDONLY);
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + 65536);
    const std::size_t n = co_await f.read(text.data() + before, 65536);
    text.resize(before + n);
    if (n == 0) co_return text;
  }
}

/// `co_await write_file(path, bytes)`, in a task: makes a file, or empties it, and writes `bytes`
/// to it.
/// Throws   std::system_error with uv_category(), `cancelled`, std::bad_alloc
inline task<> write_file(std::string path, std::string bytes, int mode = 0644) {
  file f =
      co_await file::open(std::move(path), UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_TRUNC, mode);
  co_await f.write(bytes);
  co_await f.close();
}

}  // namespace loopbridge
