#include "support/peer.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "support/patience.hpp"

namespace support {
namespace {

bool readable_in_time(int fd) {
  pollfd wait{fd, POLLIN, 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(generous).count();
  return ::poll(&wait, 1, static_cast<int>(ms)) == 1;
}

}  // namespace

peer::peer(bool version_6)
    : listener_(::socket(version_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 a6{};
  a6.sin6_family = AF_INET6;
  a6.sin6_addr = in6addr_loopback;
  auto* const bound =
      version_6 ? reinterpret_cast<sockaddr*>(&a6) : reinterpret_cast<sockaddr*>(&a);
  socklen_t size = version_6 ? sizeof a6 : sizeof a;
  if (version_6 && ::bind(listener_, bound, size) != 0) return;
  if (!version_6) REQUIRE(::bind(listener_, bound, size) == 0);
  REQUIRE(::listen(listener_, 16) == 0);
  REQUIRE(::getsockname(listener_, bound, &size) == 0);
  port_ = ntohs(version_6 ? a6.sin6_port : a.sin_port);
}

peer::~peer() {
  close();
  ::close(listener_);
}

void peer::accept() {
  REQUIRE(readable_in_time(listener_));
  const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  REQUIRE(accepted != -1);
  close();
  connection_ = accepted;
  left_.clear();
}

std::string peer::read_until(std::string_view text) {
  for (;;) {
    if (const auto at = left_.find(text); at != std::string::npos) {
      std::string read = left_.substr(0, at + text.size());
      left_.erase(0, read.size());
      return read;
    }
    std::vector<char> more(65536);
    REQUIRE(readable_in_time(connection_));
    const ssize_t size = ::recv(connection_, more.data(), more.size(), 0);
    REQUIRE(size > 0);
    left_.append(more.data(), static_cast<std::size_t>(size));
  }
}

void peer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t size = ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    REQUIRE(size > 0);
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

bool peer::is_closed_in_time() const {
  std::vector<char> more(65536);
  ssize_t size;
  do {
    if (!readable_in_time(connection_)) return false;
    size = ::recv(connection_, more.data(), more.size(), 0);
  } while (size > 0);
  return true;
}

void peer::close() {
  if (connection_ != -1) ::close(connection_);
  connection_ = -1;
}

void peer::reset() {
  const linger hard{1, 0};
  REQUIRE(::setsockopt(connection_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
  close();
}

}  // namespace support
