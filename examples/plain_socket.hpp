#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// The blocking side of the examples: ordinary sockets, as blocking programs use them.
namespace plain {

inline int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class socket {
 public:
  explicit socket(int fd) : fd_(checked(fd, "socket")) {}
  socket(socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  socket& operator=(socket&&) = delete;
  ~socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  socket accept() const { return socket(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }
  void shut_down() const { ::shutdown(fd_, SHUT_RDWR); }  // whoever accepts gets an error

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      text.remove_prefix(static_cast<std::size_t>(checked(static_cast<int>(n), "send")));
    }
  }
  /// What comes, until the text contains `end` or the other side has closed.
  std::string read_until(std::string_view end = {}) const {
    std::string text;
    char some[4096];
    while (end.empty() || text.find(end) == std::string::npos) {
      const ssize_t n = ::read(fd_, some, sizeof(some));
      if (checked(static_cast<int>(n), "read") == 0) break;
      text.append(some, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int fd_;
};

/// A directory that only this user may enter (mode 0700).
class private_directory {
 public:
  private_directory() { checked(mkdtemp(path_.data()) != nullptr ? 0 : -1, "mkdtemp"); }
  ~private_directory() { rmdir(path_.c_str()); }
  private_directory(const private_directory&) = delete;
  private_directory& operator=(const private_directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/example-XXXXXX";
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Port 0: any, which is put there.
inline socket listen_on(std::uint16_t& port) {
  socket s(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  checked(::bind(s.fd(), any, size), "bind");
  checked(::listen(s.fd(), 16), "listen");
  checked(::getsockname(s.fd(), any, &size), "getsockname");
  port = ntohs(address.sin_port);
  return s;
}

inline socket connect_to(std::uint16_t port) {
  socket s(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  checked(::connect(s.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
          "connect");
  return s;
}

inline socket connect_to(const std::string& path) {
  socket s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  checked(::connect(s.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
          "connect");
  return s;
}

}  // namespace plain
