// The HTTP client against nginx.
#include "loopbridge/clients/http.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/results/then.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/nginx.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

const support::nginx& server() {
  static const support::nginx running;
  return running;
}

/// All of a program's bytes, and line's ends and zeros.
std::string all_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t n = 0; n < size; ++n) bytes += static_cast<char>(n * 7 + n / 256);
  return bytes;
}

}  // namespace

TEST_CASE("get and post: status, headers and body, as they are") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const c::http_response hello = web.get(server().url("/hello"));
  CHECK(hello.status == 200);
  CHECK(hello.body == "hello");
  CHECK(hello.header("CONTENT-length") == "5");
  CHECK_FALSE(hello.header("content").has_value());
  const std::string bytes = all_bytes(1000);
  CHECK(web.post(server().url("/echo"), bytes, "application/octet-stream").body == bytes);
  CHECK(web.post(server().url("/echo"), "", "text/plain").body.empty());
  CHECK(web.get(server().url("/not-there")).status == 404);
  CHECK(web.call({.url = server().url("/head"), .headers = {{"X-Word", "a: b"}}}).body == "a: b");
  const c::http_response head = web.call({.method = "HEAD", .url = server().url("/long")});
  CHECK(head.header("Content-Length") == std::to_string(support::nginx::long_size));
  CHECK(head.body.empty());
  CHECK(web.call({.method = "DELETE", .url = server().url("/hello")}).status == 405);
}

TEST_CASE("four threads use one client, with bodies of 5 MB both ways") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const std::string bytes = all_bytes(5'000'000);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int n = 0; n < 50; ++n) good += web.get(server().url("/hello")).body == "hello";
      good += web.get(server().url("/long")).body.size() == support::nginx::long_size;
      good += web.post(server().url("/echo"), bytes, "a/b").body == bytes;
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(good == 4 * 52);
}

TEST_CASE("fifty requests at once take no more connections than are allowed") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b, {.connections_per_host = 3});
  std::vector<loopbridge::eventual<c::http_response>> all;
  for (int n = 0; n < 50; ++n) all.push_back(web.submit({.url = server().url("/connection")}));
  std::set<std::string> connections;
  for (auto& answer : all) connections.insert(answer.get().body);
  CHECK(connections.size() <= 3);
}

TEST_CASE("a socket's number comes back at once with the next one") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  for (int n = 0; n < 200; ++n) {
    auto one = web.submit({.url = server().url("/once")});
    auto two = web.submit({.url = server().url("/once")});
    CHECK(one.get().body == "once");
    CHECK(two.get().body == "once");
  }
}

TEST_CASE("redirects are given to the caller, or followed as often as allowed") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http plain(b);
  CHECK(plain.get(server().url("/moved")).status == 302);
  c::http following(b, {.redirects = 1});
  const c::http_response answer = following.get(server().url("/moved"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK_FALSE(answer.header("Location").has_value());
}

TEST_CASE("an answer beyond the limit ends its request, and not the next") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b, {.answer_limit = 100'000});
  try {
    web.get(server().url("/long"));
    FAIL("it was taken");
  } catch (const c::request_error& e) {
    CHECK(e.result() == c::outcome::answered);
    CHECK(std::string(e.what()).find("answer_limit (100000") != std::string::npos);
  }
  CHECK(web.get(server().url("/hello")).body == "hello");
}

TEST_CASE("a request that makes no sense is refused where it is made") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const std::string good = server().url("/hello");
  CHECK_THROWS_AS(web.get("file:///etc/passwd"), std::invalid_argument);
  CHECK_THROWS_AS(web.get("http://a b/"), std::invalid_argument);
  CHECK_THROWS_AS(web.get(""), std::invalid_argument);
  CHECK_THROWS_AS(web.call({.method = "GET /", .url = good}), std::invalid_argument);
  CHECK_THROWS_AS(web.call({.url = good, .headers = {{"A", "b\r\nC: d"}}}), std::invalid_argument);
  CHECK_THROWS_AS(web.call({.url = good, .headers = {{"A:", "b"}}}), std::invalid_argument);
  CHECK_THROWS_AS(web.call({.url = good, .body = "x"}), std::invalid_argument);
}

TEST_CASE("options that make no sense are refused where they are given") {
  const support::watchdog dog;
  loopbridge::bridge b;
  CHECK_THROWS_AS(c::http(b, {.timeout = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(c::http(b, {.connections_per_host = 0}), std::invalid_argument);
  CHECK_THROWS_AS(c::http(b, {.answer_limit = 0}), std::invalid_argument);
  for (const char* proxy : {"10.0.0.7:65536", "http://10.0.0.7:0", "a b"})
    CHECK_THROWS_WITH_AS(c::http(b, {.proxy = proxy}), doctest::Contains("proxy is no URL"),
                         std::invalid_argument);
  for (const char* proxy : {"10.0.0.7:3128", "socks5h://u:p@10.0.0.7"})
    CHECK_NOTHROW(c::http(b, {.proxy = proxy}));
  CHECK_THROWS_AS(c::http(b, {.proxy = std::string("a\0b", 3)}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(c::http(b, {.ca_file = "/none"}),
                       doctest::Contains("'/none' cannot be read"), std::invalid_argument);
}

TEST_CASE("the deadline ends a request, says that it was sent, and leaves the client usable") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  try {
    (void)web.submit_for(50ms, {.url = server().url("/slow")}).get();
    FAIL("it was answered");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::unknown);
    CHECK(e.phase() == c::phase::waiting);
    CHECK(e.after() >= 50ms);
    CHECK(std::string(e.what()).find("http http://127.0.0.1:") == 0);
  }
  CHECK(web.get(server().url("/hello")).body == "hello");
}

TEST_CASE("a request whose deadline passes in the queue is not sent, and frees no other's turn") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b, {.connections_per_host = 1});
  auto first = web.submit({.url = server().url("/slow")});
  try {
    (void)web.submit_for(30ms, {.url = server().url("/hello")}).get();
    FAIL("it was sent");
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(e.phase() == c::phase::queued);
  }
  auto third = web.submit({.url = server().url("/hello")});
  CHECK(first.cancel());
  CHECK(third.get().body == "hello");
  // And one whose deadline has passed when it comes to the loop.
  try {
    (void)web.submit_for(0ms, {.url = server().url("/hello")}).get();
    FAIL("it was sent");
  } catch (const loopbridge::error&) {
  }
}

TEST_CASE("a coroutine awaits answers") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const auto both = [&]() -> loopbridge::task<std::string> {
    // g++ 12 destroys twice what is made with braces in a co_await.
    c::http_request request{.url = server().url("/hello")};
    const c::http_response one = co_await web.submit(request);
    request.url = server().url("/once");
    const c::http_response two = co_await web.submit(request);
    co_return one.body + two.body;
  };
  CHECK(b.call_for(support::generous, both) == "helloonce");
}

TEST_CASE("a client that goes while requests are under way fails them") {
  const support::watchdog dog;
  loopbridge::bridge b;
  std::vector<loopbridge::eventual<c::http_response>> all;
  {
    c::http web(b, {.connections_per_host = 2});
    for (int n = 0; n < 5; ++n) all.push_back(web.submit({.url = server().url("/slow")}));
  }
  for (auto& answer : all) CHECK_THROWS_AS(answer.get(), loopbridge::error);
}

TEST_CASE("a bridge that stops ends the requests; the client may go after it") {
  const support::watchdog dog;
  auto b = std::make_unique<loopbridge::bridge>();
  c::http web(*b);
  auto under_way = web.submit({.url = server().url("/slow")});
  b->stop();
  CHECK_THROWS_AS(under_way.get(), loopbridge::error);
  CHECK_THROWS_AS(web.get(server().url("/hello")), loopbridge::bridge_stopped);
  b.reset();
}

TEST_CASE("a client is destroyed by what its own answer starts, on the loop") {
  const support::watchdog dog;
  loopbridge::bridge b;
  auto web = std::make_unique<c::http>(b);
  auto other = web->submit({.url = server().url("/slow")});
  auto ended = web->submit({.url = server().url("/hello")}).then([&](const c::http_response& r) {
    web.reset();
    return r.body;
  });
  CHECK(ended.get() == "hello");
  CHECK_THROWS_AS(other.get(), loopbridge::error);
}

TEST_CASE("a caller whose loop is held up beyond the deadline learns that nothing was sent") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::held_loop held(b);
  CHECK(support::outcome_of([&] { web.call_for(1ms, {.url = server().url("/hello")}); }) ==
        c::outcome::not_sent);
}
