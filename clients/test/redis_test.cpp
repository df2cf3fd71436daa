// The client against a server that behaves.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/held_loop.hpp"
#include "support/outcome_of.hpp"
#include "support/redis_server.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("redis");

namespace {

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::clients::outcome;
using loopbridge::clients::redis;
using loopbridge::clients::redis_command;
using loopbridge::clients::redis_error;
using loopbridge::clients::redis_reply;
using kind = redis_reply::kind;

struct fixture {
  const support::watchdog watchdog;
  support::redis_server server;
  bridge b;
  redis r{b, server.options()};
};

std::string all_bytes(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t n = 0; n < size; ++n) text[n] = static_cast<char>(n * 7 + n / 256);
  return text;
}

std::string error_of(redis& r, const redis_command& command) {
  try {
    r.call(command);
  } catch (const redis_error& e) {
    CHECK(e.result() == outcome::answered);
    return e.answer();
  }
  return "";
}

bool is_connected_to(int fd, std::uint16_t port) {
  sockaddr_in a{};
  socklen_t size = sizeof a;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 &&
         a.sin_family == AF_INET && ntohs(a.sin_port) == port;
}

int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, level, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

TEST_CASE("keys and values hold any bytes, of none to several megabytes") {
  fixture f;
  for (const std::size_t size : {0ul, 1ul, 4096ul, 5'000'000ul}) {
    const std::string key = "k\r\n" + all_bytes(size % 1000), value = all_bytes(size);
    CHECK(f.r.call({"SET", key, value}).text() == "OK");
    CHECK(f.r.call({"GET", key}).text() == value);
  }
}

TEST_CASE("each kind of answer arrives as what it is, and read as another it says so") {
  fixture f;
  CHECK(f.r.call({"PING"}).type() == kind::status);
  CHECK(f.r.call({"INCRBY", "n", "-5000000000"}).integer() == -5'000'000'000);
  CHECK(f.r.call({"GET", "none"}).is_nil());
  CHECK(f.r.call({"LRANGE", "none", "0", "-1"}).array().empty());
  f.r.call({"RPUSH", "l", "a", "", "c"});
  const auto list = f.r.call({"LRANGE", "l", "0", "-1"}).array();
  REQUIRE(list.size() == 3);
  CHECK(list[1].text().empty());
  CHECK(list[2].text() == "c");
  CHECK_THROWS_WITH_AS(f.r.call({"GET", "none"}).text(), "redis: the answer is no text but nil",
                       loopbridge::clients::redis_wrong_kind);
  CHECK_THROWS_WITH_AS((void)f.r.call({"PING"}).integer(),
                       "redis: the answer is no integer but a status",
                       loopbridge::clients::redis_wrong_kind);
}

TEST_CASE("arrays hold arrays, and errors as values") {
  fixture f;
  const redis_reply all =
      f.r.call({"EVAL", "return {1, {'a', {2, false}}, redis.error_reply('BAD luck'), 'z'}", "0"});
  REQUIRE(all.array().size() == 4);
  const redis_reply& inner = all.array()[1];
  CHECK(inner.array()[0].text() == "a");
  CHECK(inner.array()[1].array()[0].integer() == 2);
  CHECK(inner.array()[1].array()[1].is_nil());
  CHECK(all.array()[2].error() == "BAD luck");
  CHECK_THROWS_WITH_AS((void)all.array()[2].text(),
                       "redis: the answer is no text but an error: BAD luck",
                       loopbridge::clients::redis_wrong_kind);
  CHECK(all.array()[3].text() == "z");
}

TEST_CASE("an answer that is an error is thrown, and commands after it are answered") {
  fixture f;
  f.r.call({"SET", "text", "x"});
  CHECK(error_of(f.r, {"INCR", "text"}) == "ERR value is not an integer or out of range");
  CHECK(error_of(f.r, {"LPUSH", "text", "y"}).starts_with("WRONGTYPE "));
  CHECK(f.r.call({"GET", "text"}).text() == "x");
}

TEST_CASE("many threads share the connection, and each has its own answers in its own order") {
  fixture f;
  constexpr int threads = 4, rounds = 500;
  std::vector<std::thread> all;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&f, &wrong, t]() noexcept {
      const std::string own = "key" + std::to_string(t);
      for (int n = 1; n <= rounds; ++n) {
        const std::string value = own + std::to_string(n);
        if (f.r.call({"INCR", own}).integer() != n) ++wrong;
        if (f.r.call({"ECHO", value}).text() != value) ++wrong;
        f.r.call({"INCR", "common"});
      }
    });
  }
  for (std::thread& t : all) t.join();
  CHECK(wrong == 0);
  CHECK(f.r.call({"GET", "common"}).text() == std::to_string(threads * rounds));
  const std::string list = f.r.call({"CLIENT", "LIST"}).text();  // a line for each connection
  CHECK(std::count(list.begin(), list.end(), '\n') == 1);
}

TEST_CASE("commands are pipelined: one thread has a thousand under way") {
  fixture f;
  std::vector<loopbridge::eventual<redis_reply>> all;
  for (int n = 0; n < 1000; ++n) all.push_back(f.r.submit({"INCR", "n"}));
  for (int n = 0; n < 1000; ++n) CHECK(all[static_cast<std::size_t>(n)].get().integer() == n + 1);
}

TEST_CASE("commands together of 20 MB do not wait for each other's answers") {
  fixture f;
  const std::string value = all_bytes(5'000'000);
  std::vector<loopbridge::eventual<redis_reply>> all;
  for (int n = 0; n < 4; ++n) all.push_back(f.r.submit_for(20s, {"ECHO", value}));
  for (auto& e : all) CHECK(e.get().text() == value);
}

TEST_CASE("a task awaits an answer") {
  fixture f;
  const auto incremented = [&]() -> loopbridge::task<std::int64_t> {
    // Variables, because g++ 12 destroys twice what is made with braces in a co_await.
    const redis_command set{"SET", "n", "41"}, increment{"INCR", "n"};
    co_await f.r.submit(set);
    co_return (co_await f.r.submit(increment)).integer();
  };
  CHECK(f.b.call_for(20s, incremented) == 42);
}

TEST_CASE("a command that blocks on the server holds up those behind it, and is answered") {
  fixture f;
  auto blocked = f.r.submit({"BLPOP", "list", "0"});
  CHECK_THROWS_AS(f.r.submit_for(50ms, {"PING"}).get(), loopbridge::clients::request_timed_out);
  redis other(f.b, f.server.options());
  other.call({"RPUSH", "list", "x"});
  CHECK(blocked.get().array()[1].text() == "x");
}

TEST_CASE("a host that begins with / is the path of a socket") {
  fixture f;
  redis r(f.b, {.host = f.server.path()});
  const std::string value = all_bytes(5'000'000);
  r.call({"SET", "k", value});
  CHECK(r.call({"GET", "k"}).text() == value);
  CHECK(r.call({"CLIENT", "INFO"}).text().find(" addr=" + f.server.path() + ":0 ") !=
        std::string::npos);
  redis nobody(f.b, {.host = "/none"});
  CHECK_THROWS_WITH_AS(nobody.call_for(50ms, {"PING"}), doctest::Contains("redis /none: "),
                       loopbridge::clients::request_timed_out);
}

TEST_CASE("times may be as long as there are any") {
  const support::watchdog dog;
  support::redis_server server;
  loopbridge::bridge b;
  auto options = server.options();
  options.timeout = options.connect_timeout = options.silence = std::chrono::milliseconds::max();
  redis r(b, options);
  CHECK(r.call({"PING"}).text() == "PONG");
}

TEST_CASE("password, user and database are said at each connection") {
  const support::watchdog watchdog;
  support::redis_server server(
      {"--requirepass", "secret word", "--user", "ada", "on", ">lovelace", "~*", "+@all"});
  bridge b;
  auto options = server.options();
  options.password = "secret word";
  options.database = 3;
  redis r(b, options);
  r.call({"SET", "where", "three"});
  CHECK(r.call({"CLIENT", "INFO"}).text().find(" db=3 ") != std::string::npos);
  options.user = "ada";
  options.password = "lovelace";
  redis ada(b, options);
  CHECK(ada.call({"ACL", "WHOAMI"}).text() == "ada");
  CHECK(ada.call({"GET", "where"}).text() == "three");
}

TEST_CASE("who is refused at the log-in learns why at once, and that nothing was sent") {
  const support::watchdog watchdog;
  support::redis_server server({"--requirepass", "secret"});
  bridge b;
  auto options = server.options();
  for (const auto& [password, refusal] :
       {std::pair{"wrong", "WRONGPASS"}, std::pair{"", "NOAUTH"}}) {
    options.password = password;
    redis r(b, options);
    try {
      r.call_for(20s, {"GET", "x"});
      FAIL("it was let in");
    } catch (const redis_error& e) {
      CHECK(e.answer().starts_with(refusal));
      CHECK(e.result() == outcome::not_sent);
      CHECK(e.phase() == loopbridge::clients::phase::logging_in);
    }
  }
}

TEST_CASE("commands that would give other threads wrong answers are refused, with what to do") {
  for (const char* name : {"SUBSCRIBE", "psubscribe", "Monitor", "REPLCONF"})
    CHECK_THROWS_WITH_AS((redis_command{name, "x"}), doctest::Contains("a connection of its own"),
                         std::invalid_argument);
  CHECK_THROWS_WITH_AS(redis_command{"MULTI"}, doctest::Contains("EVAL"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((redis_command{"SELECT", "1"}), doctest::Contains("redis_options"),
                       std::invalid_argument);
  for (const char* name : {"ASKING", "readonly", "READWRITE", "RESET"})
    CHECK_THROWS_WITH_AS(redis_command{name}, doctest::Contains("all commands of the connection"),
                         std::invalid_argument);
  CHECK_THROWS_WITH_AS(redis_command{"QUIT"}, doctest::Contains("destroy the client"),
                       std::invalid_argument);
  for (const char* name : {"reply", "TRACKING", "Caching", "NO-EVICT", "NO-TOUCH"})
    CHECK_THROWS_WITH_AS((redis_command{"client", name, "ON"}), doctest::Contains("of its own"),
                         std::invalid_argument);
  CHECK_THROWS_AS((redis_command{"script", "debug", "YES"}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(redis_command(std::span<const std::string_view>()),
                       doctest::Contains("its name is the first word"), std::invalid_argument);
  CHECK(redis_command{"CLIENT", "LIST"}.bytes() == "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n");
}

TEST_CASE("options that make no sense are refused, and not tried until the deadline") {
  const support::watchdog dog;
  loopbridge::bridge b;
  CHECK_THROWS_AS(redis(b, {.host = ""}), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.host = std::string("a\0b", 3)}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(redis(b, {.host = "/" + std::string(108, 'x')}),
                       doctest::Contains("longer than the path"), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.timeout = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.keepalive = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.port = 0}), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.connect_timeout = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(redis(b, {.silence = -1ms}), std::invalid_argument);
}

TEST_CASE(
    "the kernel is to find out that the peer's machine is gone, and not to wait before it sends") {
  fixture f;
  f.r.call({"PING"});
  int found = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (!is_connected_to(fd, f.server.options().port)) continue;
    ++found;
    CHECK(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 15);
    CHECK(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30000);
    CHECK(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  }
  CHECK(found > 0);
}

TEST_CASE("a caller whose loop is held up beyond the deadline learns that nothing was sent") {
  fixture f;
  const support::held_loop held(f.b);
  CHECK(support::outcome_of([&] { f.r.call_for(1ms, {"PING"}); }) == outcome::not_sent);
}
