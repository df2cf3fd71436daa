#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace support {

/// Two connected sockets, non-blocking. `near` is the client's, `far` the server's.
class socket_pair {
 public:
  socket_pair() {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    near = fds[0];
    far = fds[1];
  }
  ~socket_pair() {
    close_near();
    close_far();
  }
  socket_pair(const socket_pair&) = delete;
  socket_pair& operator=(const socket_pair&) = delete;

  void close_near() { close_one(near); }
  void close_far() { close_one(far); }

  void send(std::string_view text = "x") const {
    REQUIRE(write(far, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  std::string receive() const {
    char text[100];
    const ssize_t n = read(near, text, sizeof(text));
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
  }
  /// Has the other side seen the end of the connection?
  bool far_has_ended() const {
    char text[1];
    return read(far, text, sizeof(text)) == 0;
  }

  int near = -1;
  int far = -1;

 private:
  static void close_one(int& fd) {
    if (fd >= 0) close(std::exchange(fd, -1));
  }
};

}  // namespace support
