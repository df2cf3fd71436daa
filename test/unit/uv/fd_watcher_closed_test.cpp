// What users of such adapters report: clients close their sockets and say so late, or never; the
// number comes back. libuv by itself ends the process in most of these.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <optional>
#include <system_error>

#include "support/socket_pair.hpp"
#include "support/told.hpp"

TEST_SUITE_BEGIN("fd_watcher_closed");

namespace {

using loopbridge::fd_interest;
using loopbridge::fd_watcher;
using loopbridge::manual_bridge;
using support::hears;
using support::socket_pair;
using support::told;

/// A socket that is watched for reading, from before the loop turns.
struct watched_socket {
  manual_bridge m;
  socket_pair s;
  told t;
  fd_watcher w{m.loop(), t.into()};
  watched_socket() { w.watch(s.near, fd_interest::read); }
};

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

TEST_CASE_FIXTURE(watched_socket,
                  "a socket is closed right after it is watched, before the loop has polled") {
  s.close_near();
  m.run_until_idle();
  CHECK(t.calls == 0);
  w.stop();
  CHECK(s.far_has_ended());
}

TEST_CASE_FIXTURE(watched_socket,
                  "and while it is watched: the connection ends when that is said") {
  m.run_until_idle();
  s.close_near();
  m.run_until_idle();
  CHECK_FALSE(s.far_has_ended());
  w.stop();
  CHECK(s.far_has_ended());
}

TEST_CASE_FIXTURE(watched_socket,
                  "or when something arrives there, which the watcher tells as an error, once") {
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

TEST_CASE_FIXTURE(watched_socket,
                  "the number comes back as a file's: the watcher is told when it asks") {
  m.run_until_idle();
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  REQUIRE(dup2(file, s.near) == s.near);
  close(file);
  CHECK_THROWS_AS(w.watch(s.near, fd_interest::both), std::system_error);
  CHECK(s.far_has_ended());
  m.run_until_idle();
  CHECK(t.calls == 0);
}

TEST_CASE_FIXTURE(watched_socket,
                  "the other side closes: that is readable, so the client reads the end") {
  s.close_far();
  CHECK(hears(m, t));
  CHECK(t.last.readable);
  CHECK(t.last.error == 0);
  CHECK(s.receive().empty());
}
