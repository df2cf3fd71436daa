#pragma once

#include <sys/stat.h>
#include <uv.h>

#include <cerrno>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "plain_socket.hpp"

/// Lines and their answers on a Unix socket that is the user's alone, on a bridge's loop.
class line_server {
 public:
  /// What to say to a line, on the loop's thread; must not throw. "quit" hangs up.
  using answers = std::function<std::string(const std::string& line)>;

  line_server(loopbridge::bridge& bridge, answers a) : bridge_(bridge), answers_(std::move(a)) {
    bridge_.call([this](loopbridge::loop_ref loop) {
      uv_stream_t* const listener = open(loop);
      int error = uv_pipe_bind(reinterpret_cast<uv_pipe_t*>(listener), path().c_str());
      if (error == 0 && chmod(path().c_str(), 0600) != 0) error = -errno;
      if (error == 0) error = uv_listen(listener, 4, on_connection);
      if (error == 0) return;
      close_all();
      throw std::runtime_error(path() + ": " + uv_strerror(error));
    });
  }
  ~line_server() {
    bridge_.call([this] { close_all(); });
  }
  line_server(const line_server&) = delete;
  line_server& operator=(const line_server&) = delete;
  std::string path() const { return directory_.path() + "/socket"; }

 private:
  struct connection {  // or the listener
    uv_pipe_t pipe{};
    line_server* of = nullptr;
    std::string typed{};
    char some[256]{};
  };
  struct writing {
    uv_write_t request{};
    std::string text{};
  };
  template <class Handle>
  static connection& of(Handle* handle) {
    return *static_cast<connection*>(handle->data);
  }

  uv_stream_t* open(uv_loop_t* loop) {
    auto* const c = new connection{.of = this};
    uv_pipe_init(loop, &c->pipe, 0);
    c->pipe.data = c;
    open_.insert(c);
    return reinterpret_cast<uv_stream_t*>(&c->pipe);
  }
  void close(connection& c) {
    open_.erase(&c);
    uv_close(reinterpret_cast<uv_handle_t*>(&c.pipe), [](uv_handle_t* h) { delete &of(h); });
  }
  void close_all() {
    while (!open_.empty()) close(**open_.begin());
  }
  static void say(connection& c, std::string text) {
    auto* const w = new writing{.text = std::move(text)};
    w->request.data = w;
    const uv_buf_t all = uv_buf_init(w->text.data(), static_cast<unsigned>(w->text.size()));
    const auto written = [](uv_write_t* r, int) { delete static_cast<writing*>(r->data); };
    auto* const stream = reinterpret_cast<uv_stream_t*>(&c.pipe);
    if (uv_write(&w->request, stream, &all, 1, written) != 0) delete w;
  }

  static void on_connection(uv_stream_t* listener, int status) {
    if (status < 0) return;
    line_server& self = *of(listener).of;
    uv_stream_t* const stream = self.open(listener->loop);
    if (uv_accept(listener, stream) != 0) return self.close(of(stream));
    const auto give_room = [](uv_handle_t* h, std::size_t, uv_buf_t* room) {
      *room = uv_buf_init(of(h).some, sizeof(of(h).some));
    };
    uv_read_start(stream, give_room, on_read);
    say(of(stream), "> ");
  }
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* room) {
    connection& c = of(stream);
    if (size < 0 || c.typed.size() > 1000) return c.of->close(c);  // gone, or talks nonsense
    c.typed.append(room->base, static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = c.typed.find('\n')) != std::string::npos;) {
      const std::string line = c.typed.substr(0, end);
      c.typed.erase(0, end + 1);
      if (line == "quit") return c.of->close(c);
      say(c, c.of->answers_(line) + "\n> ");
    }
  }

  loopbridge::bridge& bridge_;
  const answers answers_;
  const plain::private_directory directory_;
  std::set<connection*> open_;  // the loop's
};
