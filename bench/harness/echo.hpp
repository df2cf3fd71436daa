#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <thread>

namespace bench {

/// An echo server over TCP on 127.0.0.1, in a thread of its own, that blocks: no event loop of its
/// own is to be measured. It serves one client.
class echo_server {
 public:
  echo_server();
  ~echo_server();  ///< when the client has closed
  echo_server(const echo_server&) = delete;
  echo_server& operator=(const echo_server&) = delete;

  int port() const { return port_; }

 private:
  void serve() const;

  int listening_ = -1;
  int port_ = 0;
  std::thread thread_;
};

/// Its client: 64 bytes there and back, on a libuv loop. All on that loop's thread.
class echo_client {
 public:
  using then = void (*)(void* data);

  void connect(uv_loop_t* loop, int port, then connected, void* data);
  void ask(then answered, void* data);
  void close(then closed, void* data);

 private:
  static constexpr std::size_t size = 64;
  void less_by(std::size_t count);
  void go_on() { then_(data_); }

  uv_tcp_t socket_{};
  uv_connect_t connecting_{};
  uv_write_t writing_{};
  std::array<char, size> bytes_{};
  std::size_t missing_ = 0;  ///< until it goes on
  then then_ = nullptr;
  void* data_ = nullptr;
};

}  // namespace bench
