// What arrives at a socket that is no data: connections are refused and reset, readers go.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <string>

#include "support/told.hpp"

TEST_SUITE_BEGIN("fd_watcher_errors");

namespace {

using loopbridge::fd_interest;
using loopbridge::fd_watcher;
using loopbridge::manual_bridge;
using support::hears;
using support::told;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons(port);
  return a;
}

/// A socket with a port of its own.
int bound(int type, std::uint16_t& port) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in a = loopback(0);
  socklen_t size = sizeof(a);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&a), size) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0);
  port = ntohs(a.sin_port);
  return fd;
}

int connect_to(int fd, std::uint16_t port) {
  const sockaddr_in a = loopback(port);
  return connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof(a));
}

int error_at(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

TEST_CASE("a connection is refused: whatever the client asked for, it is told to look") {
  std::uint16_t port = 0;
  close(bound(SOCK_STREAM, port));
  for (const fd_interest what : {fd_interest::read, fd_interest::write, fd_interest::both}) {
    manual_bridge m;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(connect_to(fd, port) == -1);
    told t;
    fd_watcher w(m.loop(), t.into());
    w.watch(fd, what);
    CHECK(hears(m, t));
    CHECK(t.last.readable);
    CHECK(t.last.writable == (what != fd_interest::read));
    CHECK(t.last.error == 0);
    CHECK(error_at(fd) == ECONNREFUSED);
    w.stop();
    close(fd);
  }
}

TEST_CASE("an idle connection is reset: readable, and the client reads ECONNRESET") {
  manual_bridge m;
  std::uint16_t port = 0;
  const int server = bound(SOCK_STREAM, port);
  REQUIRE(listen(server, 1) == 0);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect_to(fd, port) == 0);
  const int peer = accept(server, nullptr, nullptr);
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(fd, fd_interest::read);
  m.run_until_idle();
  const linger reset{1, 0};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  close(peer);
  CHECK(hears(m, t));
  CHECK(t.last.readable);
  char byte = 0;
  CHECK(read(fd, &byte, 1) == -1);
  CHECK(errno == ECONNRESET);
  w.stop();
  close(fd);
  close(server);
}

TEST_CASE("an error that does not end the socket: the client reads it, and the watcher goes on") {
  manual_bridge m;
  std::uint16_t port = 0;
  close(bound(SOCK_DGRAM, port));
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  REQUIRE(connect_to(fd, port) == 0);
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(fd, fd_interest::read);
  for (int round = 1; round <= 2; ++round) {
    REQUIRE(send(fd, "x", 1, 0) == 1);
    CHECK(hears(m, t, round));
    CHECK(t.last.readable);
    CHECK(w.is_watching());
    CHECK(error_at(fd) == ECONNREFUSED);
    m.run_until_idle();
    CHECK(t.calls == round);
  }
  w.stop();
  close(fd);
}

TEST_CASE("the reader of a pipe goes: the writer is told to look") {
  manual_bridge m;
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
  std::string full(1 << 20, 'x');
  while (write(fds[1], full.data(), full.size()) > 0) {
  }
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(fds[1], fd_interest::write);
  m.run_until_idle();
  CHECK(t.calls == 0);
  close(fds[0]);
  CHECK(hears(m, t));
  CHECK(t.last.writable);
  w.stop();
  close(fds[1]);
}
