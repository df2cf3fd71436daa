#include "file_session.hpp"

#include <algorithm>

namespace tour {

void file_session::accept(uv_stream_t* listener, owner& o) {
  auto* const s = new file_session(o);
  uv_tcp_init(listener->loop, &s->peer_);
  s->peer_.data = s->fs_.data = s->writing_.data = s;
  o.opened(*s);
  if (uv_accept(listener, s->stream()) != 0) return s->close();
  uv_tcp_nodelay(&s->peer_, 1);  // or the head of an answer would wait to be joined by more
  s->receive();
}

void file_session::receive() {
  request_received_ = 0;
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* room) {
        auto& self = *static_cast<file_session*>(handle->data);
        char* const to = reinterpret_cast<char*>(&self.request_);
        *room = uv_buf_init(to + self.request_received_,
                            static_cast<unsigned>(sizeof(request) - self.request_received_));
      },
      [](uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
        auto& self = *static_cast<file_session*>(stream->data);
        if (got < 0) return self.close();  // the client has gone, mostly
        self.request_received_ += static_cast<std::size_t>(got);
        if (self.request_received_ < sizeof(request)) return;
        uv_read_stop(stream);
        self.open_file();
      });
}

template <void (file_session::*Next)(ssize_t)>
void file_session::then(uv_fs_t* request) {
  auto& self = *static_cast<file_session*>(request->data);
  const ssize_t result = request->result;
  uv_fs_req_cleanup(request);
  self.fs_busy_ = false;
  if (uv_is_closing(self.handle()) != 0) return self.end_if_over();
  (self.*Next)(result);
}

void file_session::open_file() {
  if (request_ >= owner_.files().size()) return send_head(UV_ENOENT);
  const char* const path = owner_.files()[request_].c_str();
  fs_busy_ = uv_fs_open(peer_.loop, &fs_, path, UV_FS_O_RDONLY | UV_FS_O_NONBLOCK, 0,
                        then<&file_session::file_opened>) == 0;
  if (!fs_busy_) close();
}

void file_session::file_opened(ssize_t result) {
  if (result < 0) return send_head(result);
  file_ = static_cast<uv_file>(result);
  fs_busy_ = uv_fs_fstat(peer_.loop, &fs_, file_, then<&file_session::file_known>) == 0;
  if (!fs_busy_) close();
}

void file_session::file_known(ssize_t result) {
  // uv_fs_req_cleanup() leaves statbuf alone: it is part of the request.
  send_head(result < 0 ? result : static_cast<answer_head>(fs_.statbuf.st_size));
}

void file_session::send_head(answer_head head) {
  head_ = head;
  offset_ = 0;
  left_ = head < 0 ? 0 : static_cast<std::uint64_t>(head);
  send(reinterpret_cast<char*>(&head_), sizeof(head_));
}

void file_session::send(char* data, std::size_t size) {
  const uv_buf_t bytes = uv_buf_init(data, static_cast<unsigned>(size));
  const int error = uv_write(&writing_, stream(), &bytes, 1, [](uv_write_t* writing, int status) {
    static_cast<file_session*>(writing->data)->sent(status);
  });
  if (error < 0) close();
}

void file_session::sent(int status) {
  if (status < 0) return close();
  if (left_ == 0) {
    ++owner_.counts().files;
    close_file();
    return receive();
  }
  const uv_buf_t room = uv_buf_init(
      buffer_.data(), static_cast<unsigned>(std::min<std::uint64_t>(left_, buffer_.size())));
  fs_busy_ = uv_fs_read(peer_.loop, &fs_, file_, &room, 1, static_cast<std::int64_t>(offset_),
                        then<&file_session::chunk_read>) == 0;
  if (!fs_busy_) close();
}

void file_session::chunk_read(ssize_t result) {
  // It has become shorter, or unreadable. The size has been sent: all that is left is to hang up.
  if (result <= 0) return close();
  const auto size = static_cast<std::size_t>(result);
  offset_ += size;
  left_ -= size;
  owner_.counts().bytes += size;
  send(buffer_.data(), size);
}

void file_session::close_file() {
  uv_fs_t closing;  // without a callback: closing what was only read cannot block
  if (file_ >= 0) uv_fs_close(peer_.loop, &closing, file_, nullptr);
  file_ = -1;
}

void file_session::close() {
  if (uv_is_closing(handle()) != 0) return;
  uv_close(handle(), [](uv_handle_t* handle) {
    auto& self = *static_cast<file_session*>(handle->data);
    self.closed_ = true;
    self.end_if_over();
  });
}

void file_session::end_if_over() {
  if (!closed_ || fs_busy_) return;
  close_file();
  owner_.ended(*this);
  delete this;
}

}  // namespace tour
