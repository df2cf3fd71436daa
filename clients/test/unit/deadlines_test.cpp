#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/clients/deadlines.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <mutex>
#include <vector>

#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("deadlines");

namespace {

using namespace std::chrono_literals;
using loopbridge::bridge;
using clock_type = std::chrono::steady_clock;

/// Numbers whose time came, in that order, and the first that came before its time; -1: none.
struct diary {
  std::mutex mutex;
  std::vector<int> expired;
  int early = -1;

  std::vector<int> seen() {
    const std::lock_guard lock(mutex);
    return expired;
  }
};

struct request {
  int number;
  clock_type::time_point due;
};

struct client {
  client(loopbridge::loop_ref loop, diary& d)
      : all(loop, [&d](request& r) {
          const std::lock_guard lock(d.mutex);
          if (clock_type::now() < r.due) d.early = r.number;
          d.expired.push_back(r.number);
        }) {}
  loopbridge::clients::deadlines<request>::entry add(request& r, std::chrono::milliseconds after) {
    r.due = clock_type::now() + after;
    return all.add(r.due, r);
  }
  loopbridge::clients::deadlines<request> all;
};

struct fixture {
  fixture() : c(b, [this](loopbridge::loop_ref loop) { return client(loop, d); }) {}

  const support::watchdog watchdog;
  diary d;
  std::vector<request> requests{{0, {}}, {1, {}}, {2, {}}, {3, {}}};
  bridge b;
  loopbridge::owned<client> c;
};

}  // namespace

TEST_CASE("requests expire in the order of their deadlines, in whatever order they were added") {
  fixture f;
  f.c.call([&](client& c) {
    c.add(f.requests[0], 1h);
    c.add(f.requests[1], 30ms);  // earlier than what the timer was started for
    c.add(f.requests[2], 5ms);
    c.add(f.requests[3], 15ms);
  });
  REQUIRE(support::comes_true([&] { return f.d.seen().size() == 3; }));
  CHECK(f.d.seen() == std::vector{2, 3, 1});
  CHECK(f.d.early == -1);
}

TEST_CASE("a request that has ended does not expire, and those behind it do") {
  fixture f;
  f.c.call([&](client& c) {
    const auto ended = c.add(f.requests[0], 5ms);
    c.add(f.requests[1], 20ms);
    c.all.drop(ended);
  });
  REQUIRE(support::comes_true([&] { return !f.d.seen().empty(); }));
  CHECK(f.d.seen() == std::vector{1});
}

TEST_CASE("when all have ended, the next deadline counts") {
  fixture f;
  f.c.call([&](client& c) { c.all.drop(c.add(f.requests[0], 1h)); });
  f.c.call([&](client& c) { c.add(f.requests[1], 5ms); });
  REQUIRE(support::comes_true([&] { return !f.d.seen().empty(); }));
  CHECK(f.d.seen() == std::vector{1});
}
