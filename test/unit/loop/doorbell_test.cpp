#include "loop/doorbell.hpp"

#include <doctest/doctest.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "support/doorbells.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("doorbell");

namespace {

using loopbridge::doorbell;
using loopbridge::detail::doorbell_base;

/// A loop with an open doorbell, closed in the end.
struct belled_loop {
  explicit belled_loop(doorbell kind) : bell(doorbell_base::make(kind)) {
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(bell->open(&loop) == 0);
    bell->owner = this;
    uv_run(&loop, UV_RUN_NOWAIT);  // libuv registers descriptors with epoll when it first polls
  }
  ~belled_loop() {
    if (!closed) close();
    CHECK(uv_loop_close(&loop) == 0);
  }
  belled_loop(const belled_loop&) = delete;
  belled_loop& operator=(const belled_loop&) = delete;

  void close() {
    bell->close([](uv_handle_t* h) {
      static_cast<belled_loop*>(static_cast<doorbell_base*>(h->data)->owner)->closed = true;
    });
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(closed);
  }
  void turn() { uv_run(&loop, UV_RUN_ONCE); }  // sleeps until there is something to do
  bool would_wake() {
    pollfd fd{uv_backend_fd(&loop), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }

  uv_loop_t loop{};
  std::unique_ptr<doorbell_base> bell;
  bool closed = false;
};

}  // namespace

TEST_CASE("a ring wakes a loop that sleeps, from another thread") {
  const support::watchdog dog;
  belled_loop l(support::each_doorbell());
  for (int round = 0; round < 100; ++round) {
    std::thread ringer([&]() noexcept { l.bell->ring(); });
    l.turn();
    ringer.join();
    CHECK_FALSE(l.would_wake());
  }
}

TEST_CASE("a ring before the loop sleeps is not lost") {
  const support::watchdog dog;
  belled_loop l(support::each_doorbell());
  CHECK_FALSE(l.would_wake());
  l.bell->ring();
  CHECK(l.would_wake());
  l.turn();
}

TEST_CASE("many rings are one waking") {
  const support::watchdog dog;
  belled_loop l(support::each_doorbell());
  for (int i = 0; i < 1000; ++i) l.bell->ring();
  l.turn();
  CHECK_FALSE(l.would_wake());
  l.bell->ring();
  CHECK(l.would_wake());
}

TEST_CASE("a full eventfd counts as rung, and does not block the ringer") {
  const support::watchdog dog;
  belled_loop l(doorbell::wakeup_fd);
  uv_os_fd_t fd = -1;
  REQUIRE(uv_fileno(l.bell->handle(), &fd) == 0);
  const std::uint64_t most = UINT64_MAX - 1;
  if (write(fd, &most, sizeof(most)) != sizeof(most)) {  // a pipe, then: no eventfd here
    const char bytes[4096] = {};
    while (write(fd, bytes, sizeof(bytes)) > 0) {
    }
  }
  errno = 1234;
  l.bell->ring();
  CHECK(errno == 1234);
  CHECK(l.would_wake());
  l.turn();
  CHECK_FALSE(l.would_wake());
  l.bell->ring();
  CHECK(l.would_wake());
}

TEST_CASE("ringing keeps errno") {
  belled_loop l(support::each_doorbell());
  errno = 1234;
  l.bell->ring();
  CHECK(errno == 1234);
  l.close();
  l.bell->ring();
  CHECK(errno == 1234);
}

TEST_CASE("a ring after the close is harmless, also when the descriptor's number is used again") {
  belled_loop l(support::each_doorbell());
  l.close();
  l.bell->ring();
  CHECK_FALSE(l.would_wake());
  const int fd = eventfd(0, EFD_NONBLOCK);  // gets the doorbell's number, had that been closed
  REQUIRE(fd >= 0);
  l.bell->ring();
  pollfd reader{fd, POLLIN, 0};
  CHECK(poll(&reader, 1, 0) == 0);
  close(fd);
}

TEST_CASE("a doorbell that was never opened has no handle to close") {
  const auto bell = doorbell_base::make(support::each_doorbell());
  CHECK(bell->handle() == nullptr);
}

TEST_CASE("its handle carries the doorbell, for the close callback") {
  belled_loop l(support::each_doorbell());
  CHECK(l.bell->handle()->data == l.bell.get());
}

TEST_CASE("a handler may wait behind the self-pipe only") {
  CHECK(doorbell_base::make(doorbell::wakeup_fd)->handler_may_wait());
  CHECK_FALSE(doorbell_base::make(doorbell::uv_async)->handler_may_wait());
}

TEST_CASE("closing waits for a thread that is in the middle of a ring") {
  const support::watchdog dog;
  for (int round = 0; round < 200; ++round) {
    belled_loop l(doorbell::uv_async);
    std::thread ringer([&]() noexcept {
      for (int i = 0; i < 50; ++i) l.bell->ring();
    });
    l.turn();
    l.close();
    ringer.join();
  }
}
