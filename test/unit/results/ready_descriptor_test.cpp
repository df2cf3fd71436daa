#include "loopbridge/results/ready_descriptor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("ready_descriptor");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::ready_descriptor;
using support::generous;

bool readable(const ready_descriptor& d, std::chrono::milliseconds timeout = {}) {
  pollfd polled = {d.fd(), POLLIN, 0};
  REQUIRE(poll(&polled, 1, static_cast<int>(timeout.count())) >= 0);
  return (polled.revents & POLLIN) != 0;
}
bool becomes_readable(const ready_descriptor& d) {
  return readable(d, generous);
}
bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

}  // namespace

TEST_CASE("the descriptor is readable once the result is there, and stays so") {
  bridge b;
  completer<int> later;
  auto answer = b.submit([&] { return later.get_deferred(); });
  const ready_descriptor ready(answer);
  b.call([] {});
  CHECK_FALSE(readable(ready));
  later.resolve(5);
  CHECK(becomes_readable(ready));
  CHECK(answer.ready());
  CHECK(answer.get() == 5);
  CHECK(readable(ready));
  const ready_descriptor again(answer);
  CHECK(readable(again));
}

TEST_CASE("a failure, a cancel and a bridge that stops make it readable, too") {
  std::optional<bridge> b(std::in_place);
  auto thrown = b->submit([] { throw std::runtime_error("it"); });
  CHECK(becomes_readable(ready_descriptor(thrown)));
  CHECK(thrown.error() != nullptr);
  completer<int> never;
  auto cancelled = b->submit([&] { return never.get_deferred(); });
  const ready_descriptor by_cancel(cancelled);
  REQUIRE_NOTHROW(b->call([] {}));
  CHECK(cancelled.cancel());
  CHECK(becomes_readable(by_cancel));
  completer<int> unanswered;
  auto stopped = b->submit([&] { return unanswered.get_deferred(); });
  const ready_descriptor by_stop(stopped);
  b.reset();
  CHECK(becomes_readable(by_stop));
}

TEST_CASE("the descriptor closes with its object, before or after the result, and in no child") {
  bridge b;
  completer<int> later;
  auto answer = b.submit([&] { return later.get_deferred(); });
  int early = -1;
  {
    const ready_descriptor ready(answer);
    early = ready.fd();
    CHECK((fcntl(early, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK_FALSE(is_open(early));
  ready_descriptor first(answer);
  ready_descriptor moved = std::move(first);
  CHECK(first.fd() == -1);
  b.call([] {});  // the call waits by now, so that this thread completes it
  later.resolve(1);
  CHECK(becomes_readable(moved));
  const int fd = moved.fd();
  CHECK(is_open(fd));
  {
    const ready_descriptor dropped = std::move(moved);
  }
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("the eventual may be dropped first: its descriptor still tells when the call is done") {
  bridge b;
  completer<int> later;
  auto answer = b.submit([&] { return later.get_deferred(); });
  const ready_descriptor ready(answer);
  answer = {};
  CHECK_FALSE(readable(ready));
  later.resolve(1);
  CHECK(becomes_readable(ready));
}

TEST_CASE("descriptors that go while their results come are each closed once") {
  bridge b;
  for (int round = 0; round < 300; ++round) {
    completer<void> later;
    auto answer = b.submit([&] { return later.get_deferred(); });
    b.call([] {});
    std::optional<ready_descriptor> ready(answer);
    const int fd = ready->fd();
    support::gate both;
    std::thread resolver([&]() noexcept {
      (void)both.wait();
      later.resolve();
    });
    both.open();
    ready.reset();
    resolver.join();
    answer.get_for(generous);
    b.call([] {});
    REQUIRE_FALSE(is_open(fd));
  }
}

TEST_CASE("without a descriptor left it is a system_error, and an empty eventual is no_state") {
  bridge b;
  auto answer = b.submit([] { return 1; });
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit none = {0, limit.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK_THROWS_AS(ready_descriptor{answer}, std::system_error);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(answer.get_for(generous) == 1);
  CHECK_THROWS_AS(ready_descriptor{eventual<int>()}, loopbridge::no_state);
}
