// The HTTP client against servers and names that misbehave.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "loopbridge/clients/http.hpp"
#include "support/fake_server.hpp"
#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string url_of(const support::fake_server& s, const std::string& host = "127.0.0.1") {
  return "http://" + host + ":" + std::to_string(s.port()) + "/";
}

/// What becomes of a GET.
struct ending {
  c::outcome result;
  c::phase phase;
  bool late;
  std::string what;
};
ending failure_of(c::http& web, const std::string& url, std::chrono::milliseconds timeout = 10s) {
  try {
    // Not call_for(): where the machine is slow, its own net may come before the loop.
    (void)web.submit_for(timeout, {.url = url}).get();
  } catch (const c::request_error& e) {
    const bool late = dynamic_cast<const c::request_timed_out*>(&e) != nullptr;
    return {e.result(), e.phase(), late, e.what()};
  }
  FAIL("it was answered");
  return {};
}

/// What the resolver is asked that stands below.
struct slow_name {
  support::gate asked;
  support::gate goes_on;
};
std::mutex mutex;
slow_name* slow = nullptr;

}  // namespace

/// The program's own takes the place of libc's, for libcurl too: slow.test is answered when the
/// test says so, and two.test has an address where nobody listens before the one that is good.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string name = node != nullptr ? node : "";
  if (name == "slow.test") {
    slow_name at;
    {
      const std::lock_guard lock(mutex);
      at = *slow;
    }
    at.asked.open();
    (void)at.goes_on.wait();
    return EAI_AGAIN;
  }
  if (name != "two.test") return real(node, service, hints, found);
  addrinfo* good = nullptr;
  const int failed = real("127.0.0.2", service, hints, found);
  if (failed != 0) return failed;
  if (real("127.0.0.1", service, hints, &good) == 0) (*found)->ai_next = good;
  return 0;
}

TEST_CASE("refused: not sent, and the error says who, where and when") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  std::string url;
  {
    const support::fake_server gone([](auto&) {});
    url = url_of(gone);
  }
  const ending e = failure_of(web, url);
  CHECK(e.result == c::outcome::not_sent);
  CHECK(e.phase == c::phase::connecting);
  CHECK(e.what.find(url.substr(0, url.size() - 1)) != std::string::npos);
  CHECK(e.what.find("while connecting") != std::string::npos);
  CHECK(e.what.find("the request was not sent") != std::string::npos);
}

TEST_CASE("half an answer, then a reset: it may have been executed, and is not sent again") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::fake_server half([](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    s.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    s.reset();
  });
  const ending e = failure_of(web, url_of(half));
  CHECK(e.result == c::outcome::unknown);
  CHECK(half.accepted() == 1);
}

TEST_CASE("half an answer, then an orderly end, is an error too") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::fake_server half([](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    s.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  const ending e = failure_of(web, url_of(half));
  CHECK(e.result == c::outcome::unknown);
  CHECK(e.phase == c::phase::reading);
}

TEST_CASE("what is no HTTP is an error") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::fake_server other([](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    s.write("220 mail.test ESMTP\r\n");
  });
  CHECK(failure_of(web, url_of(other)).result == c::outcome::unknown);
}

// Curl's own way is to send it again on a new connection.
TEST_CASE("a kept connection is closed when the next request is on it: that is not sent again") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  std::atomic<int> requests = 0;
  const support::fake_server once([&](support::fake_connection& s) {
    while (!s.read_until("\r\n\r\n").empty()) {
      if (++requests == 2) return;
      s.write(ok);
    }
  });
  CHECK(web.get(url_of(once)).body == "ok");
  const ending e = failure_of(web, url_of(once));
  CHECK(e.result == c::outcome::unknown);
  CHECK(e.phase == c::phase::waiting);
  CHECK(requests == 2);
  CHECK(once.accepted() == 1);
  CHECK(web.get(url_of(once)).body == "ok");  // on a connection of its own
}

TEST_CASE("a kept connection that was reset meanwhile is replaced") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  std::atomic<int> answers = 0;
  std::atomic<int> resets = 0;
  const support::fake_server resetting([&](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    s.write(ok);
    if (!support::comes_true([&] { return answers > resets; })) return;  // a reset undoes bytes
    s.reset();
    ++resets;
  });
  for (int n = 1; n <= 50; ++n) {
    REQUIRE(web.get(url_of(resetting)).body == "ok");
    ++answers;
    REQUIRE(support::comes_true([&] { return resets == n; }));
  }
}

TEST_CASE("of several addresses the one that answers is used") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::fake_server s([](support::fake_connection& s) {
    while (!s.read_until("\r\n\r\n").empty()) s.write(ok);
  });
  CHECK(web.get(url_of(s, "two.test")).body == "ok");
}

TEST_CASE("a request whose name is still looked up ends in time, and the loop does not wait") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  slow_name at;
  {
    const std::lock_guard lock(mutex);
    slow = &at;
  }
  auto wanted = web.submit_for(support::generous, {.url = "http://slow.test/"});
  REQUIRE(at.asked.wait());
  CHECK(wanted.cancel());
  b.call([] {});  // would wait for the resolver, and the watchdog would not
  const ending e = failure_of(web, "http://slow.test/", 50ms);
  CHECK(e.late);
  CHECK(e.result == c::outcome::not_sent);
  CHECK(e.phase == c::phase::resolving);
  at.goes_on.open();
}

TEST_CASE("a server that accepts and is silent: timed out, and no other host waits for it") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b, {.connections_per_host = 1});
  const support::fake_server silent([](support::fake_connection& s) { s.read_until("never"); });
  const support::fake_server good([](support::fake_connection& s) {
    while (!s.read_until("\r\n\r\n").empty()) s.write(ok);
  });
  std::vector<loopbridge::eventual<c::http_response>> stuck;
  for (int n = 0; n < 3; ++n) {
    stuck.push_back(web.submit_for(support::generous, {.url = url_of(silent)}));
  }
  for (int n = 0; n < 3; ++n) CHECK(web.get(url_of(good)).body == "ok");
  CHECK(failure_of(web, url_of(silent), 50ms).late);
  for (auto& e : stuck) CHECK(e.cancel());
}

TEST_CASE("fifty downloads are under way at once") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b, {.connections_per_host = 50});
  std::atomic<int> begun = 0;
  const support::fake_server all([&](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    ++begun;
    if (support::comes_true([&] { return begun == 50; })) s.write(ok);
  });
  std::vector<loopbridge::eventual<c::http_response>> answers;
  for (int n = 0; n < 50; ++n) {
    answers.push_back(web.submit_for(support::generous, {.url = url_of(all)}));
  }
  for (auto& a : answers) CHECK(a.get().body == "ok");
}

TEST_CASE("cancelling takes the transfer's connection away") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::http web(b);
  const support::gate asked;
  const support::gate closed;
  const support::fake_server s([&](support::fake_connection& s) {
    s.read_until("\r\n\r\n");
    asked.open();
    s.read_until("never");
    closed.open();
  });
  auto wanted = web.submit_for(support::generous, {.url = url_of(s)});
  REQUIRE(asked.wait());
  CHECK(wanted.cancel());
  CHECK_THROWS_AS(wanted.get(), loopbridge::cancelled);
  CHECK(closed.wait());
}
