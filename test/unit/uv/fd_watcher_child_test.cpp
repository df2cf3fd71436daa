#include <doctest/doctest.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <loopbridge/uv/timer.hpp>
#include <memory>

#include "support/app_loop.hpp"
#include "support/in_child.hpp"
#include "support/socket_pair.hpp"

TEST_SUITE_BEGIN("fd_watcher_child");

namespace {

using loopbridge::bridge;
using loopbridge::fd_events;
using loopbridge::fd_interest;
using loopbridge::fd_watcher;
using loopbridge::loop_ref;

/// A client on a loop of the program's own, whose thread forks.
struct client {
  explicit client(loop_ref loop)
      : watcher(loop,
                [this](fd_events) {
                  ++told;
                  watcher.stop();
                }),
        patience(loop, [] {}) {
    watcher.watch(sockets.near, fd_interest::read);
    patience.start(std::chrono::hours(1));
  }

  support::socket_pair sockets;
  int told = 0;
  fd_watcher watcher;
  loopbridge::timer patience;
};

struct program {
  program() {
    b.post([this](loop_ref loop) { it = std::make_unique<client>(loop); });
    turn();
    turn();  // polls it
  }
  ~program() {
    it.reset();
    b.stop();
  }
  void turn() { uv_run(&app.loop, UV_RUN_NOWAIT); }

  support::app_loop app;
  bridge b = bridge::adopt(&app.loop);
  std::unique_ptr<client> it;
};

}  // namespace

TEST_CASE("a child that destroys its copy, or stops it, leaves the parent's watching alone") {
  program p;
  CHECK(support::in_child([&] {
          p.it->watcher.stop();
          p.it.reset();
          return 0;
        }) == 0);
  p.it->sockets.send();
  p.turn();
  CHECK(p.it->told == 1);
}

TEST_CASE("after uv_loop_fork() a child's watcher works on, and may go to the child's own") {
  program p;
  CHECK(support::in_child([&] {
          if (uv_loop_fork(&p.app.loop) != 0) return 1;
          const support::socket_pair own;
          p.it->watcher.watch(own.near, fd_interest::read);
          p.it->sockets.send();  // the parent's, which is not watched here any more
          p.turn();
          if (p.it->told != 0) return 2;
          own.send();
          p.turn();
          if (p.it->told != 1) return 3;
          p.it->watcher.watch(p.it->sockets.near, fd_interest::read);
          p.turn();
          return p.it->told == 2 ? 0 : 4;
        }) == 0);
  p.turn();
  CHECK(p.it->told == 1);
}
