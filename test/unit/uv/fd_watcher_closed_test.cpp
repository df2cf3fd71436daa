// What users of such adapters report: clients close their sockets and say so late, or never; the
// number comes back; connections are refused and reset. libuv by itself ends the process in most of
// these.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <optional>
#include <string>

#include "support/patience.hpp"
#include "support/socket_pair.hpp"

TEST_SUITE_BEGIN("fd_watcher_closed");

namespace {

using loopbridge::fd_events;
using loopbridge::fd_interest;
using loopbridge::fd_watcher;
using loopbridge::manual_bridge;
using support::socket_pair;

/// The events of one watcher.
struct told {
  std::function<void(fd_events)> into() {
    return [this](fd_events e) {
      last = e;
      ++calls;
    };
  }
  fd_events last{};
  int calls = 0;
};

/// Turns the loop until the watcher has told something; false: it does not.
bool hears(manual_bridge& m, const told& t, int calls = 1) {
  return support::comes_true([&] {
    m.run_once();
    return t.calls >= calls;
  });
}

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

/// A new connection that has the number of the near side of `old`, which the client has closed.
void reuse_number(socket_pair& old, socket_pair& with) {
  const int number = old.near;
  old.close_near();
  if (with.near == number) return;
  REQUIRE(dup2(with.near, number) == number);
  close(with.near);
  with.near = number;
}

}  // namespace

TEST_CASE("a socket is closed right after it is watched, before the loop has polled") {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::read);
  s.close_near();
  m.run_until_idle();
  CHECK(t.calls == 0);
  w.stop();
  CHECK(s.far_has_ended());
}

TEST_CASE("and while it is watched: the connection ends when that is said") {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::read);
  m.run_until_idle();
  s.close_near();
  m.run_until_idle();
  CHECK_FALSE(s.far_has_ended());
  w.stop();
  CHECK(s.far_has_ended());
}

TEST_CASE("or when something arrives there, which the watcher tells as an error, once") {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::read);
  m.run_until_idle();
  s.close_near();
  s.send();
  CHECK(hears(m, t));
  CHECK(t.last.error == UV_EBADF);
  CHECK_FALSE(t.last.readable);
  CHECK_FALSE(w.is_watching());
  m.run_until_idle();
  CHECK(t.calls == 1);
  CHECK_THROWS_AS(w.watch(s.near, fd_interest::read), std::system_error);
}

TEST_CASE("the number comes back, and another watcher has it before the old one is stopped") {
  manual_bridge m;
  socket_pair old;
  socket_pair next;
  told of_old;
  told of_next;
  std::optional<fd_watcher> first(std::in_place, m.loop(), of_old.into());
  first->watch(old.near, fd_interest::read);
  m.run_until_idle();
  reuse_number(old, next);
  fd_watcher second(m.loop(), of_next.into());
  second.watch(next.near, fd_interest::read);
  next.send();
  CHECK(hears(m, of_next));
  CHECK(of_next.last.readable);
  CHECK(of_old.calls == 0);
  SUBCASE("that hears of its own connection, which is gone, and not of the new one") {
    old.send();
    CHECK(hears(m, of_old));
    CHECK(of_old.last.error == UV_EBADF);
  }
  SUBCASE("that is stopped") {
    first->stop();
  }
  SUBCASE("that is destroyed") {
    first.reset();
  }
  CHECK(hears(m, of_next, of_next.calls + 1));
  CHECK(next.receive() == "x");
}

TEST_CASE("the number comes back, and the client goes on by the same watcher") {
  for (const fd_interest then : {fd_interest::read, fd_interest::both}) {
    for (const bool turned : {false, true}) {
      manual_bridge m;
      socket_pair old;
      socket_pair next;
      told t;
      fd_watcher w(m.loop(), t.into());
      w.watch(old.near, fd_interest::read);
      if (turned) m.run_until_idle();
      reuse_number(old, next);
      w.watch(next.near, then);
      CHECK(old.far_has_ended());
      next.send();
      CHECK(hears(m, t));
      CHECK(t.last.readable);
      CHECK(t.last.writable == (then == fd_interest::both));
    }
  }
}

TEST_CASE("the number comes back as a file's: the watcher is told when it asks") {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::read);
  m.run_until_idle();
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  REQUIRE(dup2(file, s.near) == s.near);
  close(file);
  CHECK_THROWS_AS(w.watch(s.near, fd_interest::both), std::system_error);
  CHECK(s.far_has_ended());
  m.run_until_idle();
  CHECK(t.calls == 0);
}

TEST_CASE("the other side closes: that is readable, so the client reads the end") {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::read);
  s.close_far();
  CHECK(hears(m, t));
  CHECK(t.last.readable);
  CHECK(t.last.error == 0);
  CHECK(s.receive().empty());
}

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
