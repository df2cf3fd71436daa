#include <fcntl.h>
#include <sys/stat.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "async_io.hpp"
#include "protocol.hpp"
#include "uv_error.hpp"

namespace tour::async {

using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::loop_ref;

struct file {
  explicit file(std::string p) : path(std::move(p)) {}
  ~file() {
    // Without a callback it works at once, on any thread; closing what was only read cannot block.
    uv_fs_t closing;
    if (descriptor >= 0) uv_fs_close(nullptr, &closing, descriptor, nullptr);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  const std::string path;
  uv_file descriptor = -1;
  std::uint64_t size = 0;
  std::array<char, chunk_size> buffer;

  uv_fs_t request{};  ///< one at a time
  void* completer_of_request = nullptr;
  file_ptr busy;  ///< the request's hold on us, until its callback
};

namespace {

/// A request of `f` has been begun: its callback gets the file, and with it the completer.
template <class T>
void hand_over(const file_ptr& f, completer<T> done) {
  f->request.data = f.get();
  f->completer_of_request = done.release();
  f->busy = f;
}

/// In that callback: takes both back, and the result, which is an exception if it is an error.
template <class T>
struct finished {
  explicit finished(uv_fs_t* request)
      : f(std::move(static_cast<file*>(request->data)->busy)),
        done(completer<T>::from(f->completer_of_request)),
        result_(request->result) {}

  std::size_t result() const {
    throw_if_error(static_cast<int>(result_), f->path);
    return static_cast<std::size_t>(result_);
  }

  const file_ptr f;
  completer<T> done;

 private:
  const ssize_t result_;
};

void on_stat(uv_fs_t* request) {
  finished<file_ptr> stat(request);
  const auto mode = request->statbuf.st_mode;
  stat.f->size = request->statbuf.st_size;
  uv_fs_req_cleanup(request);
  stat.done.guard([&] {
    stat.result();
    if (S_ISDIR(mode)) throw uv_error(UV_EISDIR, stat.f->path);
    if (!S_ISREG(mode)) throw std::runtime_error(stat.f->path + ": Not a regular file");
    stat.done.resolve(stat.f);
  });
}

void on_open(uv_fs_t* request) {
  finished<file_ptr> open(request);
  uv_fs_req_cleanup(request);
  open.done.guard([&] {
    open.f->descriptor = static_cast<uv_file>(open.result());
    throw_if_error(uv_fs_fstat(request->loop, request, open.f->descriptor, on_stat), open.f->path);
    hand_over(open.f, std::move(open.done));  // not finished yet: the next callback goes on
  });
}

}  // namespace

deferred<file_ptr> open_file(loop_ref loop, std::string path) {
  completer<file_ptr> done;
  auto answer = done.get_deferred();
  auto f = std::make_shared<file>(std::move(path));
  // What nobody wants any more need not be begun, if the thread pool has not got to it.
  done.on_cancel([f] { uv_cancel(reinterpret_cast<uv_req_t*>(&f->request)); });
  // Not to wait for the writer of a FIFO, which is refused afterwards.
  const int flags = UV_FS_O_RDONLY | UV_FS_O_NONBLOCK;
  throw_if_error(uv_fs_open(loop, &f->request, f->path.c_str(), flags, 0, on_open), f->path);
  hand_over(f, std::move(done));
  return answer;
}

std::uint64_t size_of(const file_ptr& f) {
  return f->size;
}

deferred<bytes> read_file(loop_ref loop, file_ptr from, std::uint64_t offset, std::size_t size) {
  completer<bytes> done;
  auto answer = done.get_deferred();
  done.on_cancel([from] { uv_cancel(reinterpret_cast<uv_req_t*>(&from->request)); });
  const uv_buf_t room =
      uv_buf_init(from->buffer.data(), static_cast<unsigned>(std::min(size, from->buffer.size())));
  throw_if_error(
      uv_fs_read(
          loop, &from->request, from->descriptor, &room, 1, static_cast<std::int64_t>(offset),
          [](uv_fs_t* request) {
            finished<bytes> read(request);
            uv_fs_req_cleanup(request);
            read.done.guard([&] { read.done.resolve(read.f->buffer.data(), read.result()); });
          }),
      from->path);
  hand_over(from, std::move(done));
  return answer;
}

}  // namespace tour::async
