#include <doctest/doctest.h>
#include <uv.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/error.hpp>
#include <loopbridge/uv/readable.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "support/held_loop.hpp"
#include "support/patience.hpp"
#include "support/socket_pair.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("readable");

namespace {

using loopbridge::bridge;
using loopbridge::readable;
using loopbridge::task;
using loopbridge::writable;
using support::generous;
using support::socket_pair;

}  // namespace

TEST_CASE("a task waits until it may read, and until it may write") {
  const socket_pair s;
  bridge b;
  auto received = b.submit([&]() -> task<std::string> {
    co_await writable(s.near);
    co_await readable(s.near);
    co_return s.receive();
  });
  support::catch_up(b);
  CHECK_FALSE(received.ready());
  s.send("hello");
  CHECK(received.get_for(generous) == "hello");
}

TEST_CASE("two tasks wait at one descriptor, one for each direction") {
  const socket_pair s;
  bridge b;
  auto reads = b.submit([&]() -> task<> { co_await readable(s.near); });
  auto writes = b.submit([&]() -> task<> { co_await writable(s.near); });
  writes.get_for(generous);
  CHECK_FALSE(reads.ready());
  s.send();
  reads.get_for(generous);
}

TEST_CASE("a task that is cancelled goes on at once, and the descriptor is free") {
  const support::watchdog no_hang;
  socket_pair s;
  bridge b;
  std::string seen;
  auto waits = b.submit([&]() -> task<> {
    try {
      co_await readable(s.near);
    } catch (const loopbridge::cancelled&) {
      seen = "cancelled";
      throw;
    }
  });
  support::catch_up(b);
  CHECK(waits.cancel());
  support::catch_up(b);
  CHECK(b.call([&] { return seen; }) == "cancelled");
  s.close_near();
  CHECK(s.far_has_ended());
}

TEST_CASE("a cancel that comes with the event, before the task has gone on, is one or the other") {
  const support::watchdog no_hang;
  for (int round = 0; round < 200; ++round) {
    const socket_pair s;
    bridge b;
    auto waits = b.submit([&]() -> task<> { co_await readable(s.near); });
    support::catch_up(b);
    s.send();
    waits.cancel();
    waits.wait();
    support::catch_up(b);
  }
}

TEST_CASE("errors come at the co_await: what cannot be watched, and a socket closed meanwhile") {
  socket_pair s;
  bridge b;
  const auto code_of = [](loopbridge::eventual<void>& e) {
    try {
      e.get_for(generous);
    } catch (const std::system_error& error) {
      CHECK(error.code().category() == loopbridge::uv_category());
      return error.code().value();
    }
    return 0;
  };
  auto bad = b.submit([]() -> task<> { co_await writable(-1); });
  CHECK(code_of(bad) == UV_EBADF);
  auto closed = b.submit([&]() -> task<> { co_await readable(s.near); });
  support::catch_up(b);
  b.call([&] { s.close_near(); });
  s.send();
  CHECK(code_of(closed) == UV_EBADF);
}

TEST_CASE("a bridge stops while tasks wait: nothing is left or reported") {
  std::vector<std::string> reported;
  loopbridge::options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle& h) { reported.emplace_back(h.type); };
  const socket_pair s;
  bridge b(opts);
  auto waits = b.submit([&]() -> task<> { co_await readable(s.near); });
  support::catch_up(b);
  b.stop();
  CHECK_THROWS_AS(waits.get(), loopbridge::bridge_stopped);
  CHECK(reported.empty());
}
