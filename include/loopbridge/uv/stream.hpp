#pragma once

#include <uv.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "loopbridge/detail/uv/uv_request.hpp"
#include "loopbridge/uv/address.hpp"
#include "loopbridge/uv/error.hpp"

namespace loopbridge {
namespace detail {

/// A stream's handle, in a block of its own, which libuv may keep longer than the stream lives:
/// until the close callback.
struct stream_handle {
  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  void close() noexcept {
    close_own(reinterpret_cast<uv_handle_t*>(&stream), theirs, [](uv_handle_t* closed) {
      auto* const own = reinterpret_cast<stream_handle*>(closed);
      if (own->theirs != nullptr) own->theirs(closed);
      destroy_in_block(own, nullptr);
    });
  }
  uv_close_cb theirs = nullptr;  ///< see close_own
};

/// Where a stream's functions and awaiters find the handle. Null once it is closed.
struct stream_state {
  stream_handle* handle;
  cancellable_wait* reader = nullptr;  ///< to which libuv says nothing when the handle is closed
  void close() noexcept {
    if (stream_handle* const h = std::exchange(handle, nullptr); h != nullptr) h->close();
    if (reader != nullptr) reader->cancel();
  }
};

}  // namespace detail

/// A connection, by TCP or a Unix socket, that tasks read and write.
///
/// Thread   the loop thread, for all its functions and its destructor
/// Order    One read and one write at a time, in one task or in two. Do not move the stream
///          meanwhile.
/// Throws   at the co_await of each function: std::system_error with uv_category(), and `cancelled`
///          when the task is cancelled
class stream {
 public:
  /// Connects to an address, or to a Unix socket's path.
  static task<stream> connect(address to);
  static task<stream> connect_unix(std::string path);

  stream(stream&& other) noexcept : state_(std::exchange(other.state_, {nullptr})) {}
  stream& operator=(stream&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  /// Closes the connection. What is being written is lost: await the write first.
  ~stream() { state_.close(); }
  void close() noexcept { state_.close(); }

  /// Reads what there is, at most `size` bytes, and waits for the first. Gives how many; 0: the
  /// other side has closed. The buffer must last until the co_await has ended. Cancelling leaves
  /// the stream good.
  /// Throws   std::system_error: for a broken connection; EBADF if the stream is closed; ECANCELED
  ///          if it is closed meanwhile; EBUSY if another task reads. `cancelled`.
  class read_some;
  read_some read(char* buffer, std::size_t size);

  /// Writes all of `bytes`, which must last until the co_await has ended. Cancelling closes the
  /// stream, as libuv has no other way to take bytes back.
  /// Throws   std::system_error: for a broken connection; EBADF if the stream is closed.
  ///          `cancelled`.
  task<> write(std::string_view bytes);

 private:
  explicit stream(detail::stream_handle* handle) noexcept : state_{handle} {}

  /// A request that ends early only by closing the handle.
  template <class Request, class Begin>
  class request final : public detail::uv_request<Request> {
   public:
    request(stream& s, std::string what, Begin b)
        : state_(s.state_), what_(std::move(what)), begin_(std::move(b)) {}

    bool await_suspend(std::coroutine_handle<>) {
      return this->begun(state_.handle == nullptr
                             ? UV_EBADF
                             : begin_(&this->request_, *state_.handle, &request::done));
    }
    void await_resume() const { this->throw_if_failed(what_); }
    void cancel() noexcept override { state_.close(); }

   private:
    detail::stream_state& state_;
    const std::string what_;
    Begin begin_;
  };
  template <class Init, class Connect>
  static task<stream> connected(std::string to, Init init, Connect connect) {
    uv_loop_t* const loop = co_await detail::scope_question<&detail::task_scope::loop>{};
    auto* const h = detail::make_in_block<detail::stream_handle>(nullptr);
    if (const int error = init(loop, *h); error != 0) {
      detail::destroy_in_block(h, nullptr);
      detail::throw_uv_error(error, "cannot make a socket");
    }
    stream s(h);
    co_await request<uv_connect_t, Connect>(s, "cannot connect to " + to, std::move(connect));
    co_return s;
  }

  detail::stream_state state_;
};

inline task<stream> stream::connect(address to) {
  return connected(
      to.ip() + ":" + std::to_string(to.port()),
      [](uv_loop_t* l, detail::stream_handle& h) { return uv_tcp_init(l, &h.tcp); },
      [to](uv_connect_t* r, detail::stream_handle& h, uv_connect_cb done) {
        return uv_tcp_connect(r, &h.tcp, to.get(), done);
      });
}

inline task<stream> stream::connect_unix(std::string path) {
  return connected(
      "'" + path + "'",
      [](uv_loop_t* l, detail::stream_handle& h) { return uv_pipe_init(l, &h.pipe, 0); },
      [path](uv_connect_t* r, detail::stream_handle& h, uv_connect_cb done) {
        uv_pipe_connect(r, &h.pipe, path.c_str(), done);
        return 0;
      });
}

inline task<> stream::write(std::string_view bytes) {
  const auto begin = [bytes](uv_write_t* r, detail::stream_handle& h, uv_write_cb done) {
    const uv_buf_t b =
        uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
    return uv_write(r, &h.stream, &b, 1, done);
  };
  co_await request<uv_write_t, decltype(begin)>(*this, "cannot write", begin);
}

class stream::read_some final : public detail::users_awaiter {
 public:
  read_some(stream& from, char* buffer, std::size_t size) noexcept
      : state_(from.state_), buffer_(uv_buf_init(buffer, static_cast<unsigned>(size))) {}

  bool await_suspend(std::coroutine_handle<>) noexcept {
    if (const int error = start(); error != 0) {
      result_ = error;
      return false;
    }
    state_.reader = this;
    suspended();
    return true;
  }
  std::size_t await_resume() const {
    scope().throw_if_cancelled();
    if (result_ == UV_EOF) return 0;
    if (result_ < 0) detail::throw_uv_error(static_cast<int>(result_), "cannot read");
    return static_cast<std::size_t>(result_);
  }
  void cancel() noexcept override { ended(UV_ECANCELED); }

 private:
  int start() noexcept {
    if (state_.handle == nullptr) return UV_EBADF;
    if (state_.reader != nullptr) return UV_EBUSY;
    uv_stream_t& s = state_.handle->stream;
    s.data = this;
    return uv_read_start(
        &s,
        [](uv_handle_t* h, std::size_t, uv_buf_t* into) {
          *into = static_cast<read_some*>(h->data)->buffer_;
        },
        [](uv_stream_t* st, ssize_t n, const uv_buf_t*) {
          if (n == 0) return;  // nothing there after all
          static_cast<read_some*>(st->data)->ended(n);
        });
  }
  void ended(ssize_t n) noexcept {
    state_.reader = nullptr;
    if (state_.handle != nullptr) uv_read_stop(&state_.handle->stream);
    result_ = n;
    resume();
  }

  detail::stream_state& state_;
  const uv_buf_t buffer_;
  ssize_t result_ = 0;
};

inline stream::read_some stream::read(char* buffer, std::size_t size) {
  return read_some(*this, buffer, size);
}

}  // namespace loopbridge
