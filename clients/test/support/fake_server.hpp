#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace support {

/// A connection that a fake server has accepted.
class fake_connection {
 public:
  fake_connection(int fd, const std::atomic<bool>& over) noexcept : fd_(fd), over_(over) {}

  /// All that has come since the last call, up to and with `end`; without it if the client closed,
  /// or the server is to end.
  std::string read_until(std::string_view end) {
    std::string text;
    char c;
    while (!text.ends_with(end) && wait_for_bytes() && ::recv(fd_, &c, 1, 0) == 1) text += c;
    return text;
  }
  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// Closes it so that the client sees a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (fd_ != -1) ::close(std::exchange(fd_, -1));
  }

 private:
  bool wait_for_bytes() const {
    pollfd seen{fd_, POLLIN, 0};
    while (::poll(&seen, 1, 10) == 0) {
      if (over_) return false;
    }
    return true;
  }

  int fd_;
  const std::atomic<bool>& over_;
};

/// A server that misbehaves as no real one can be made to: it runs `serve` for each connection, in
/// a thread of the connection's own, and closes the connection then.
class fake_server {
 public:
  explicit fake_server(std::function<void(fake_connection&)> serve) : serve_(std::move(serve)) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&a), size) == 0);
    REQUIRE(::listen(fd_, 128) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size) == 0);
    port_ = ntohs(a.sin_port);
    thread_ = std::thread([this]() noexcept { accept_all(); });
  }
  ~fake_server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    over_ = true;
    for (std::thread& t : threads_) t.join();
    ::close(fd_);
  }
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  int port() const noexcept { return port_; }
  /// How many connections it has accepted.
  int accepted() const noexcept { return accepted_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd == -1) return;
      ++accepted_;
      threads_.emplace_back([this, fd]() noexcept {
        fake_connection c(fd, over_);
        serve_(c);
        c.close();
      });
    }
  }

  std::function<void(fake_connection&)> serve_;
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;  // of thread_, until that has ended
  std::thread thread_;
};

}  // namespace support
