// Sockets are opened, closed, replaced under their numbers, watched, and their watchers stopped and
// destroyed, in any order, also inside callbacks. libuv must go on, and each watcher hear of its
// own socket.
#include <doctest/doctest.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <optional>
#include <random>
#include <system_error>

#include "support/socket_pair.hpp"

TEST_SUITE_BEGIN("fd_watcher_orders");

namespace {

using loopbridge::fd_events;
using loopbridge::fd_interest;
using loopbridge::fd_watcher;

/// Some connections of one client's, at each of which there is something to read, and some
/// watchers.
class scene {
 public:
  explicit scene(unsigned seed) : random_(seed) {
    for (watched& w : watchers_) make(w);
  }

  void step() {
    connection& c = connections_[below(connections_.size())];
    watched& w = watchers_[below(watchers_.size())];
    switch (below(7)) {
      case 0:
        if (!c.sockets) open(c);
        return;
      case 1:
        c.sockets.reset();
        return;
      case 2:
        return replace(c);
      case 3:
      case 4:
        return watch(w, c);
      case 5:
        w.of = nullptr;
        return w.watcher->stop();
      case 6:
        return make(w);
    }
  }

  /// A turn in whose callbacks any of that is done, too.
  void turn() {
    in_callbacks_ = true;
    m_.run_once();
    in_callbacks_ = false;
  }

  /// Does each watcher hear of its own socket, and only of that?
  void check() {
    for (watched& w : watchers_) w.heard.reset();
    m_.run_once();
    for (watched& w : watchers_) {
      const bool is_open = w.of != nullptr && w.of->sockets && w.of->number == w.number;
      if (is_open) {
        REQUIRE(w.heard.has_value());
        CHECK(w.heard->error == 0);
        CHECK(w.heard->readable == (w.what != fd_interest::write));
        CHECK(w.heard->writable == (w.what != fd_interest::read));
      } else if (w.heard) {
        CHECK(w.heard->error == UV_EBADF);
      }
      CHECK(w.watcher->is_watching() == is_open);
    }
  }

 private:
  struct connection {
    std::optional<support::socket_pair> sockets;
    int number = 0;  ///< counts those that were here
  };
  struct watched {
    std::optional<fd_watcher> watcher;
    connection* of = nullptr;
    int number = 0;
    fd_interest what = fd_interest::none;
    std::optional<fd_events> heard;
  };

  std::size_t below(std::size_t n) { return random_() % n; }

  void open(connection& c) {
    c.sockets.emplace();
    c.sockets->send();
    ++c.number;
  }
  /// The client closes its socket, and the next one has its number.
  void replace(connection& c) {
    if (!c.sockets) return;
    support::socket_pair next;
    next.send();
    REQUIRE(dup2(next.near, c.sockets->near) == c.sockets->near);
    std::swap(c.sockets->far, next.far);
    ++c.number;
  }
  void watch(watched& w, connection& c) {
    const auto what = static_cast<fd_interest>(1 + below(3));
    w.of = nullptr;
    if (!c.sockets) {
      CHECK_THROWS_AS(w.watcher->watch(-1, what), std::system_error);
      return;
    }
    w.watcher->watch(c.sockets->near, what);
    w.of = &c;
    w.number = c.number;
    w.what = what;
  }
  void make(watched& w) {
    w.of = nullptr;
    w.watcher.emplace(m_.loop(), [this, &w](fd_events e) {
      w.heard = e;
      if (in_callbacks_ && below(2) == 0) step();
    });
  }

  loopbridge::manual_bridge m_;
  std::minstd_rand random_;
  bool in_callbacks_ = false;
  std::array<connection, 3> connections_;
  std::array<watched, 4> watchers_;
};

}  // namespace

TEST_CASE("in every order of closing, opening and watching each watcher hears of its own socket") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    scene s(seed);
    for (int round = 0; round < 40; ++round) {
      for (int n = 0; n < 5; ++n) s.step();
      s.turn();
      for (int n = 0; n < 2; ++n) s.step();
      s.check();
    }
  }
}
