// The client of NATS against a nats-server.
#include "loopbridge/clients/nats.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loopbridge/coroutines/task.hpp"
#include "loopbridge/options.hpp"
#include "support/fake_server.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/nats_server.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

support::nats_server& server() {
  static support::nats_server running;
  return running;
}

c::nats_options local() {
  return {.servers = {server().url()}};
}

std::string all_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t n = 0; n < size; ++n) bytes += static_cast<char>(n * 7 + n / 256);
  return bytes;
}

/// Answers each request with its data.
c::nats_subscription echo(c::nats& n, const std::string& subject) {
  auto sub = n.subscribe(subject, [&n](const c::nats_message& m) {
    if (!m.reply.empty()) n.publish({.subject = m.reply, .data = m.data});
  });
  n.flush_for(support::generous);
  return sub;
}

}  // namespace

TEST_CASE("a message arrives on the loop, with all its bytes and headers") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  const support::gate arrived;
  c::nats_message seen;
  const auto sub = n.subscribe("news.*", [&](c::nats_message m) {
    CHECK(b.on_loop_thread());
    seen = std::move(m);
    arrived.open();
  });
  n.flush_for(support::generous);
  CHECK(n.is_connected());
  const std::string bytes = all_bytes(5'000'000);
  n.publish({.subject = "news.one", .headers = {{"Word", "a: b"}}, .data = bytes});
  REQUIRE(arrived.wait());
  CHECK(seen.subject == "news.one");
  CHECK(seen.data == bytes);
  CHECK(seen.header("Word") == "a: b");
  CHECK(seen.header("Other").empty());
}

TEST_CASE("messages of one publisher arrive in order, also on another bridge") {
  const support::watchdog dog;
  loopbridge::bridge b;
  loopbridge::bridge other;
  c::nats n(b, local());
  const support::gate last;
  int next = 0;
  bool in_order = true;
  const auto sub = n.subscribe_on(other, "count", [&](const c::nats_message& m) {
    in_order = in_order && other.on_loop_thread() && m.data == std::to_string(next);
    if (++next == 20'000) last.open();
  });
  n.flush_for(support::generous);
  for (int i = 0; i < 20'000; ++i) n.publish({.subject = "count", .data = std::to_string(i)});
  CHECK(last.wait());
  CHECK(in_order);
  CHECK(sub.dropped() == 0);
}

TEST_CASE("four threads make requests through one client") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  const auto served = echo(n, "echo");
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t]() noexcept {
      for (int i = 0; i < 200; ++i) {
        const std::string data = std::to_string(t * 1000 + i);
        good += n.request_for(support::generous, {.subject = "echo", .data = data}).data == data;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(good == 800);
}

TEST_CASE("of a queue one gets each message; of all others everyone") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  std::atomic<int> shared = 0;
  std::atomic<int> all = 0;
  std::vector<c::nats_subscription> subs;
  for (int i = 0; i < 3; ++i) {
    subs.push_back(n.subscribe("work", [&](auto&&) { ++shared; }, "workers"));
    subs.push_back(n.subscribe("work", [&](auto&&) { ++all; }));
  }
  n.flush_for(support::generous);
  for (int i = 0; i < 100; ++i) n.publish({.subject = "work"});
  CHECK(support::comes_true([&] { return all == 300 && shared == 100; }));
  for (auto& sub : subs) sub.drain_for(support::generous);
  b.call([] {});
  CHECK(shared == 100);
}

TEST_CASE("a subscription is destroyed in its own handler, and while messages arrive") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  std::atomic<bool> over = false;
  std::thread publisher([&]() noexcept {
    while (!over) {
      n.submit_publish({.subject = "flood", .data = "x"}).get();
    }
  });
  for (int i = 0; i < 20; ++i) {
    c::nats_subscription sub;
    const support::gate first;
    int calls = 0;
    b.call([&] {  // where the handler runs, which must not come before the assignment
      sub = n.subscribe("flood", [&, first](auto&&) {
        ++calls;
        sub = {};
        first.open();
      });
    });
    REQUIRE(first.wait());
    b.call([&] { CHECK(calls == 1); });
    auto other = n.subscribe("flood", [](auto&&) {});
  }
  over = true;
  publisher.join();
}

TEST_CASE("a handler that holds another subscription ends, and soon") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  auto inner = std::make_shared<c::nats_subscription>(n.subscribe("inner", [](auto&&) {}));
  const std::weak_ptr<c::nats_subscription> held = inner;
  auto outer = n.subscribe("outer", [inner = std::move(inner)](auto&&) {});
  n.flush_for(support::generous);
  outer = {};
  CHECK(support::comes_true([&] { return held.expired(); }));
  n.flush_for(support::generous);  // which needs the lock that the inner one's end took
}

TEST_CASE("what a handler throws goes to the hook, and the next message comes") {
  const support::watchdog dog;
  std::atomic<int> reported = 0;
  loopbridge::options o;
  o.on_unhandled_error = [&](const loopbridge::unhandled_error&) { ++reported; };
  loopbridge::bridge b(o);
  c::nats n(b, local());
  std::atomic<int> calls = 0;
  const auto sub = n.subscribe("bad", [&](auto&&) {
    ++calls;
    throw std::runtime_error("bad");
  });
  n.flush_for(support::generous);
  n.publish({.subject = "bad"});
  n.publish({.subject = "bad"});
  CHECK(support::comes_true([&] { return calls == 2 && reported == 2; }));
}

TEST_CASE("a coroutine awaits an answer") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  const auto served = echo(n, "task");
  const auto asks = [&]() -> loopbridge::task<std::string> {
    c::nats_message m;
    m.subject = "task";
    m.data = "hello";
    const c::nats_message answer = co_await n.submit_request(m);
    co_return answer.data;
  };
  CHECK(b.call_for(support::generous, asks) == "hello");
}

TEST_CASE("what is published faster than it can be sent is refused, and not sent") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats_options few = local();
  few.waiting_limit = 10;
  few.servers = {"nats://127.0.0.1:1"};  // nobody is there
  c::nats n(b, few);
  std::vector<loopbridge::eventual<void>> all;
  for (int i = 0; i < 11; ++i) all.push_back(n.submit_publish({.subject = "a"}));
  try {
    all.back().get();
    FAIL("it was taken");
  } catch (const c::request_error& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(std::string(e.what()).find("waiting_limit") != std::string::npos);
  }
  all.pop_back();
  for (const auto& waiting : all) CHECK(waiting.cancel());
}

TEST_CASE("options that make no sense are refused where they are given, without their secrets") {
  const support::watchdog dog;
  loopbridge::bridge b;
  CHECK_THROWS_AS(c::nats(b, {.servers = {}}), std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.servers = {""}}), std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.servers = {"nats://a\r\nPING"}}), std::invalid_argument);
  for (const char* url : {"nats://a:0", "a:65536", "tls://[::1]:99999", "nats://u:p@a:4x", "a:"})
    CHECK_THROWS_WITH_AS(c::nats(b, {.servers = {"a", url}}),
                         doctest::Contains("a port that is not between 1 and 65535"),
                         std::invalid_argument);
  CHECK_THROWS_WITH_AS(c::nats(b, {.servers = {"http://a"}}), doctest::Contains("neither nats://"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(c::nats(b, {.servers = {"nats://u:secret@:4222"}}),
                       "nats_options: the server ':4222' names no host", std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.timeout = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.connect_timeout = -1ms}), std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.ping_interval = 0ms}), std::invalid_argument);
  CHECK_THROWS_AS(c::nats(b, {.waiting_limit = 0}), std::invalid_argument);
}

TEST_CASE("a caller whose loop is held up beyond the deadline learns that nothing was sent") {
  const support::watchdog dog;
  loopbridge::bridge b;
  c::nats n(b, local());
  const support::held_loop held(b);
  CHECK(support::outcome_of([&] { n.request_for(1ms, {.subject = "a"}); }) == c::outcome::not_sent);
  CHECK(support::outcome_of([&] { n.flush_for(1ms); }) == c::outcome::not_sent);
}
