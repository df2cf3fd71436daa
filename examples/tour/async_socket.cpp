#include <uv.h>

#include <array>
#include <optional>
#include <utility>

#include "async_io.hpp"
#include "protocol.hpp"
#include "uv_error.hpp"

namespace tour::async {

using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::loop_ref;

struct socket {
  uv_tcp_t handle{};
  uv_connect_t connecting{};
  uv_write_t writing{};
  std::string outgoing;
  /// A stream's callback comes any number of times, or never: its completer waits here, where
  /// closing finds it. That of a request, whose callback comes once, travels in `data`.
  std::optional<completer<bytes>> reading;
  std::array<char, chunk_size> buffer;
  socket_ptr open;  ///< libuv's hold on us, from uv_tcp_init until the close callback

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle); }
};

deferred<socket_ptr> connect(loop_ref loop, sockaddr_in address) {
  completer<socket_ptr> done;
  auto answer = done.get_deferred();

  auto s = std::make_shared<socket>();
  throw_if_error(uv_tcp_init(loop, &s->handle), "a new socket");
  s->handle.data = s.get();
  s->open = s;

  done.on_cancel([loop, s] { close(loop, s); });  // makes the callback come, with UV_ECANCELED
  const int error =
      uv_tcp_connect(&s->connecting, &s->handle, reinterpret_cast<const sockaddr*>(&address),
                     [](uv_connect_t* connecting, int status) {
                       auto& self = *static_cast<socket*>(connecting->handle->data);
                       auto done = completer<socket_ptr>::from(connecting->data);
                       done.guard([&] {
                         if (status < 0) {
                           close(loop_ref(connecting->handle->loop), self.open);
                           throw uv_error(status, "connecting");
                         }
                         done.resolve(self.open);
                       });
                     });
  if (error < 0) {
    close(loop, s);
    throw uv_error(error, "connecting");
  }
  s->connecting.data = done.release();  // from here the callback has the only right to resolve
  return answer;
}

deferred<void> write(loop_ref loop, socket_ptr to, std::string data) {
  completer<void> done;
  auto answer = done.get_deferred();
  done.on_cancel([loop, to] { close(loop, to); });

  to->outgoing = std::move(data);  // libuv wants it to stay until the callback
  const uv_buf_t buffer =
      uv_buf_init(to->outgoing.data(), static_cast<unsigned>(to->outgoing.size()));
  throw_if_error(uv_write(&to->writing, to->stream(), &buffer, 1,
                          [](uv_write_t* writing, int status) {
                            auto done = completer<void>::from(writing->data);
                            done.guard([&] {
                              throw_if_error(status, "writing");
                              done.resolve();
                            });
                          }),
                 "writing");
  to->writing.data = done.release();
  return answer;
}

namespace {

void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* room) {
  auto& self = *static_cast<socket*>(handle->data);
  *room = uv_buf_init(self.buffer.data(), static_cast<unsigned>(self.buffer.size()));
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* buffer) {
  if (got == 0) return;  // "try again": not the end
  auto& self = *static_cast<socket*>(stream->data);
  uv_read_stop(stream);  // until the next read_some: what comes meanwhile waits in the kernel
  completer<bytes> done = std::move(*self.reading);
  self.reading.reset();
  done.guard([&] {
    if (got == UV_EOF) {
      done.resolve();
    } else {
      throw_if_error(static_cast<int>(got), "reading");
      done.resolve(buffer->base, static_cast<std::size_t>(got));
    }
  });
}

}  // namespace

deferred<bytes> read_some(loop_ref loop, socket_ptr from) {
  completer<bytes> done;
  auto answer = done.get_deferred();
  done.on_cancel([loop, from] { close(loop, from); });
  throw_if_error(uv_read_start(from->stream(), on_alloc, on_read), "reading");
  from->reading = std::move(done);
  return answer;
}

void close(loop_ref, socket_ptr s) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&s->handle);
  if (uv_is_closing(handle) != 0) return;
  uv_close(handle, [](uv_handle_t* closed) {
    const socket_ptr last = std::move(static_cast<socket*>(closed->data)->open);
    last->reading.reset();  // dropped unresolved: its waiter gets `broken`
  });
}

}  // namespace tour::async
