#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/stream.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "support/counted.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("async_stream");

namespace {

using loopbridge::address;
using loopbridge::bridge;
using loopbridge::stream;
using loopbridge::task;
using support::generous;

/// A plain blocking server's socket, on a port of its own.
class listener {
 public:
  listener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(any);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&any), size) == 0);
    REQUIRE(listen(fd_, 8) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&any), &size) == 0);
    port_ = ntohs(any.sin_port);
  }
  ~listener() { close(fd_); }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  address where() const { return address("127.0.0.1", port_); }
  int accept() const { return ::accept(fd_, nullptr, nullptr); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

std::error_code error_of(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::system_error& s) {
    return s.code();
  } catch (...) {
    return {};
  }
}

}  // namespace

TEST_CASE("a task talks to a server by TCP, and sees the end") {
  const listener server;
  std::thread echo([&]() noexcept {
    const int fd = server.accept();
    char text[100];
    const ssize_t n = read(fd, text, sizeof(text));
    CHECK(write(fd, text, static_cast<std::size_t>(n)) == n);
    close(fd);
  });
  bridge b;
  const auto talk = [&]() -> task<std::string> {
    stream s = co_await stream::connect(server.where());
    co_await s.write("hello");
    std::string all;
    char text[3];
    while (const std::size_t n = co_await s.read(text, sizeof(text))) all.append(text, n);
    co_return all;
  };
  CHECK(b.call_for(generous, talk) == "hello");
  echo.join();
}

TEST_CASE("and by a Unix socket") {
  char dir[] = "/tmp/async_stream.XXXXXX";
  REQUIRE(mkdtemp(dir) != nullptr);
  const std::string path = std::string(dir) + "/socket";
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  std::strcpy(own.sun_path, path.c_str());
  REQUIRE(bind(server, reinterpret_cast<sockaddr*>(&own), sizeof(own)) == 0);
  REQUIRE(listen(server, 1) == 0);
  std::thread greet([&]() noexcept {
    const int fd = accept(server, nullptr, nullptr);
    CHECK(write(fd, "hi", 2) == 2);
    close(fd);
  });
  bridge b;
  CHECK(b.call_for(generous, [&]() -> task<std::string> {
    stream s = co_await stream::connect_unix(path);
    char text[10];
    const std::size_t n = co_await s.read(text, sizeof(text));
    co_return std::string(text, n);
  }) == "hi");
  greet.join();
  close(server);
  CHECK_THROWS_AS(
      b.call_for(generous, [&]() -> task<> { co_await stream::connect_unix("/nonexistent"); }),
      std::system_error);
  unlink(path.c_str());
  rmdir(dir);
}

TEST_CASE("a connection that is refused is an error that names the address") {
  std::optional<listener> gone(std::in_place);
  const address nobody = gone->where();
  gone.reset();
  bridge b;
  auto answer = b.submit([&]() -> task<> { co_await stream::connect(nobody); });
  answer.wait();
  CHECK(error_of(answer.error()) == std::errc::connection_refused);
}

TEST_CASE("a read that is cancelled leaves the stream good") {
  const listener server;
  bridge b;
  std::optional<stream> s;
  b.call_for(generous, [&]() -> task<> { s.emplace(co_await stream::connect(server.where())); });
  const int peer = server.accept();
  char text[10];
  auto reading = b.submit([&]() -> task<> { co_await s->read(text, sizeof(text)); });
  b.call([] {});
  CHECK(reading.cancel());
  b.call([] {});
  CHECK(write(peer, "later", 5) == 5);
  CHECK(b.call_for(generous, [&]() -> task<std::size_t> {
    co_return co_await s->read(text, sizeof(text));
  }) == 5);
  b.call([&] { s.reset(); });
  close(peer);
}

TEST_CASE(
    "a write that is cancelled closes the stream, and its bytes outlive libuv's use of them") {
  const listener server;
  bridge b;
  std::optional<stream> s;
  support::counts counts;
  b.call_for(generous, [&]() -> task<> { s.emplace(co_await stream::connect(server.where())); });
  const int peer = server.accept();
  auto writing = b.submit([&, t = support::token(counts)]() -> task<> {
    const std::string much(64 << 20, 'x');  // more than the kernel takes while nobody reads
    co_await s->write(much);
  });
  b.call([] {});
  CHECK(writing.cancel());
  REQUIRE(support::comes_true([&] { return b.call([&] { return counts.alive() == 0; }); }));
  char text[1];
  auto reading = b.submit([&]() -> task<> { co_await s->read(text, 1); });
  reading.wait();
  CHECK(error_of(reading.error()) == std::errc::bad_file_descriptor);
  auto again = b.submit([&]() -> task<> { co_await s->write("x"); });
  again.wait();
  CHECK(error_of(again.error()) == std::errc::bad_file_descriptor);
  b.call([&] { s.reset(); });
  close(peer);
}

TEST_CASE("closing a stream ends another task's read; a second reader is told") {
  const listener server;
  bridge b;
  std::optional<stream> s;
  b.call_for(generous, [&]() -> task<> { s.emplace(co_await stream::connect(server.where())); });
  const int peer = server.accept();
  char text[1];
  const auto read = [&]() -> task<> { co_await s->read(text, 1); };
  auto first = b.submit(read);
  auto second = b.submit(read);
  second.wait();
  CHECK(error_of(second.error()) == std::errc::device_or_resource_busy);
  b.call([&] { s->close(); });
  first.wait();
  CHECK(error_of(first.error()) == std::errc::operation_canceled);
  b.call([&] { s.reset(); });
  close(peer);
}

TEST_CASE("a bridge stops while tasks connect, read and write: nothing is left or reported") {
  int reported = 0;
  support::counts counts;
  const listener server;
  {
    loopbridge::options opts;
    opts.on_open_handle = [&](const loopbridge::open_handle&) { ++reported; };
    bridge b(std::move(opts));
    auto reads = b.submit([&, t = support::token(counts)]() -> task<> {
      stream s = co_await stream::connect(server.where());
      char text[1];
      co_await s.read(text, 1);
    });
    auto writes = b.submit([&, t = support::token(counts)]() -> task<> {
      stream s = co_await stream::connect(server.where());
      const std::string much(64 << 20, 'x');
      co_await s.write(much);
    });
    const int first = server.accept();
    const int second = server.accept();
    for (int turn = 0; turn < 5; ++turn) b.call([] {});
    auto connects = b.submit([&, t = support::token(counts)]() -> task<> {
      stream s = co_await stream::connect(server.where());
      co_await loopbridge::delay(std::chrono::hours(1));
    });
    b.stop();
    CHECK_THROWS_AS(reads.get(), loopbridge::bridge_stopped);
    CHECK_THROWS_AS(writes.get(), loopbridge::bridge_stopped);
    CHECK_THROWS_AS(connects.get(), loopbridge::bridge_stopped);
    close(first);
    close(second);
  }
  CHECK(counts.alive() == 0);
  CHECK(reported == 0);
}
