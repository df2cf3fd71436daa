#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/memory.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("lane");

using loopbridge::bridge;
using loopbridge::full_lane;
using loopbridge::lane;
using loopbridge::options;
using loopbridge::status;
using support::generous;

namespace {

constexpr int capacity = 1024;

/// Returns when all that `l` has accepted has run. (Another lane's calls may have yet to.)
void catch_up(lane& l) {
  support::gate ran;
  l.post([&ran] { ran.open(); });
  REQUIRE(ran.wait());
}

/// Posts until the lane has no room.
int fill(lane& l, int& ran) {
  int accepted = 0;
  while (l.try_post([&ran] { ++ran; }) == status::accepted) ++accepted;
  return accepted;
}

}  // namespace

TEST_CASE("a lane's calls run on the loop, in their order") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane();
  std::vector<int> ran;
  bool on_loop = true;
  for (int i = 0; i < 10000; ++i) {
    l.post([&, i] {
      ran.push_back(i);
      on_loop = on_loop && b.on_loop_thread();
    });
  }
  catch_up(l);
  REQUIRE(ran.size() == 10000);
  for (int i = 0; i < 10000; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
  CHECK(on_loop);
}

TEST_CASE("a callable may be large, move-only, take the loop, and is destroyed on the loop") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane();
  std::array<int, 64> large{};
  large[63] = 7;
  int seen = 0;
  int loops = 0;
  std::atomic<int> destroyed_elsewhere{0};
  struct witness {
    witness(bridge& on, std::atomic<int>& count) : b(&on), elsewhere(&count) {}
    ~witness() {
      if (!b->on_loop_thread()) ++*elsewhere;
    }
    bridge* b;
    std::atomic<int>* elsewhere;
  };
  l.post([large, &seen] { seen += large[63]; });
  l.post([p = std::make_unique<int>(3), &seen] { seen += *p; });
  l.post([&](loopbridge::loop_ref loop) { loops += loop.get() != nullptr ? 1 : 0; });
  l.post([w = std::make_unique<witness>(b, destroyed_elsewhere)] { (void)w; });
  l.post([w = std::make_unique<witness>(b, destroyed_elsewhere), large] { (void)w, (void)large; });
  const std::function<void()> copied = [&seen] { ++seen; };
  l.post(copied);
  catch_up(l);
  CHECK(seen == 11);
  CHECK(loops == 1);
  CHECK(destroyed_elsewhere == 0);
}

TEST_CASE("a full lane that blocks waits for room and loses nothing") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane();
  int ran = 0;
  std::optional<support::held_loop> held(b);
  CHECK(fill(l, ran) == capacity);
  const support::gate posting;
  std::thread producer([&]() noexcept {
    posting.open();
    for (int i = 0; i < 5 * capacity; ++i) l.post([&ran] { ++ran; });
  });
  REQUIRE(posting.wait());
  held.reset();
  producer.join();
  catch_up(l);
  CHECK(ran == 6 * capacity);
}

TEST_CASE("a full lane that refuses says so, and takes calls again when there is room") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane(full_lane::refuse);
  int ran = 0;
  {
    const support::held_loop held(b);
    CHECK(fill(l, ran) == capacity);
    auto kept = std::make_unique<int>(5);
    CHECK_THROWS_WITH_AS(l.post([p = std::move(kept)] {}), doctest::Contains("lane_test.cpp"),
                         loopbridge::lane_full);
  }
  b.call([] {});
  catch_up(l);
  CHECK(ran == capacity);
}

TEST_CASE("a full lane that spills keeps the order of its calls") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane(full_lane::spill);
  std::vector<int> ran;
  {
    const support::held_loop held(b);
    for (int i = 0; i < 3 * capacity; ++i) l.post([&ran, i] { ran.push_back(i); });
  }
  for (int i = 3 * capacity; i < 6 * capacity; ++i) l.post([&ran, i] { ran.push_back(i); });
  catch_up(l);
  REQUIRE(ran.size() == 6 * capacity);
  for (int i = 0; i < 6 * capacity; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a spilled call waits for those before it, also where one of them runs the loop") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  std::optional<support::held_loop> held(b);
  lane l = b.lane(full_lane::spill);  // the loop hears of it along with what has spilled
  std::vector<int> ran;
  const auto run_loop = [&](int i) {
    l.post([&ran, i](loopbridge::loop_ref loop) {
      ran.push_back(i);
      uv_run(loop, UV_RUN_NOWAIT);
    });
  };
  run_loop(0);  // in the lane
  for (int i = 1; i < capacity + 2; ++i) l.post([&ran, i] { ran.push_back(i); });
  run_loop(capacity + 2);  // spilled
  for (int i = capacity + 3; i < capacity + 5; ++i) l.post([&ran, i] { ran.push_back(i); });
  held.reset();
  catch_up(l);
  REQUIRE(ran.size() == capacity + 5);
  for (int i = 0; i < capacity + 5; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("on the loop's own thread a full lane spills rather than wait for itself") {
  const support::watchdog dog;
  bridge b;
  std::vector<int> ran;
  lane l = b.lane();
  b.call_for(generous, [&] {
    for (int i = 0; i < 3 * capacity; ++i) l.post([&ran, i] { ran.push_back(i); });
  });
  catch_up(l);
  REQUIRE(ran.size() == 3 * capacity);
  for (int i = 0; i < 3 * capacity; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a callable that posts to its lane while it is moved there, and one that throws then") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane();
  int ran = 0;
  struct posts_when_copied {
    posts_when_copied(lane& to, int& n) : l(&to), ran(&n) {}
    posts_when_copied(const posts_when_copied& other) : l(other.l), ran(other.ran) {
      l->post([n = ran] { ++*n; });
    }
    void operator()() const { *ran += 100; }
    lane* l;
    int* ran;
  };
  struct throws_when_copied {
    throws_when_copied() = default;
    throws_when_copied(const throws_when_copied&) { throw std::runtime_error("copied"); }
    void operator()() const {}
  };
  const posts_when_copied posts(l, ran);
  const throws_when_copied throws;
  l.post(posts);
  CHECK_THROWS_WITH(l.post(throws), "copied");
  catch_up(l);
  b.call([] {});
  CHECK(ran == 101);
}

TEST_CASE("what a call of a lane throws is reported, with the place where the lane was made") {
  const support::watchdog dog;
  support::error_log log;
  options opts;
  opts.on_unhandled_error = log.hook();
  bridge b(opts);
  lane l = b.lane();
  l.post([] { throw std::runtime_error("small"); });
  l.post([big = std::array<int, 32>{}] {
    throw std::runtime_error("large" + std::to_string(big[0]));
  });
  catch_up(l);
  const auto entries = log.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].what == "small");
  CHECK(entries[1].what == "large0");
  CHECK(entries[0].file.find("lane_test.cpp") != std::string::npos);
}

TEST_CASE("many lanes and the list are served side by side, and each call runs once") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  constexpr int each = 30000;
  std::atomic<int> wrong{0};
  std::vector<std::thread> producers;
  std::vector<int> last(6, -1);
  std::latch done(6);
  for (int p = 0; p < 6; ++p) {
    producers.emplace_back([&, p]() noexcept {
      lane l = b.lane(p % 2 == 0 ? full_lane::block : full_lane::spill);
      int& mine = last[static_cast<std::size_t>(p)];
      for (int i = 0; i < each; ++i) {
        l.post([&, i] {
          if (mine + 1 != i) ++wrong;
          mine = i;
        });
        if (i % 5000 == 0 && b.call([] { return 1; }) != 1) ++wrong;
      }
      l.post([&done] { done.count_down(); });
    });
  }
  for (std::thread& t : producers) t.join();
  done.wait();
  CHECK(wrong == 0);
  for (const int n : last) CHECK(n == each - 1);
}

TEST_CASE("a lane that is destroyed, or whose thread ends, has its calls run") {
  const support::watchdog dog;
  bridge b;
  int ran = 0;
  {
    const support::held_loop held(b);
    std::thread([&]() noexcept {
      lane l = b.lane();
      for (int i = 0; i < 500; ++i) l.post([&ran] { ++ran; });
    }).join();
  }
  b.call([] {});
  CHECK(ran == 500);
}

TEST_CASE("a lane may end inside a call of its own, and in a uv_run that one nests") {
  const support::watchdog dog;
  bridge b;
  auto first = std::make_unique<lane>(b.lane());
  auto second = std::make_unique<lane>(b.lane());
  std::vector<int> ran;
  support::gate over;
  {
    const support::held_loop held(b);
    first->post([&](loopbridge::loop_ref loop) {
      ran.push_back(1);
      first.reset();
      second.reset();
      uv_run(loop, UV_RUN_NOWAIT);
      uv_run(loop, UV_RUN_NOWAIT);
      ran.push_back(4);
      over.open();
    });
    first->post([&ran] { ran.push_back(2); });
    second->post([&ran] { ran.push_back(3); });
  }
  REQUIRE(over.wait());  // calls are answered in the nested uv_run already
  b.call([] {});
  CHECK(ran.size() == 4);
  CHECK(std::find(ran.begin(), ran.end(), 1) < std::find(ran.begin(), ran.end(), 2));
}

TEST_CASE(
    "a stop runs what a lane has accepted, or refuses it and says so; later posts are refused") {
  const support::watchdog dog;
  for (const auto policy : {loopbridge::queued_calls::run, loopbridge::queued_calls::refuse}) {
    support::error_log log;
    options opts = support::with_each_doorbell();
    opts.on_stop = policy;
    opts.on_unhandled_error = log.hook();
    bridge b(opts);
    lane l = b.lane();
    catch_up(l);
    std::atomic<int> ran{0};
    std::thread stopper;
    {
      const support::held_loop held(b);
      for (int i = 0; i < 100; ++i) l.post([&ran] { ++ran; });
      stopper = std::thread([&b]() noexcept { b.stop(); });
      while (!b.stopped()) std::this_thread::yield();
    }
    stopper.join();
    const bool runs = policy == loopbridge::queued_calls::run;
    CHECK(ran + static_cast<int>(log.entries().size()) == 100);
    CHECK((runs ? ran == 100 : true));
    CHECK(l.try_post([] {}) == status::stopped);
    CHECK(l.post_reentrant([] {}) == status::stopped);
    CHECK_THROWS_AS(l.post([] {}), loopbridge::bridge_stopped);
    CHECK_THROWS_AS(b.lane(), loopbridge::bridge_stopped);
  }
}

TEST_CASE("a producer that waits for room is told when the bridge stops") {
  const support::watchdog dog;
  bridge b(support::with_each_doorbell());
  lane l = b.lane();
  int ran = 0;
  std::atomic<bool> told{false};
  std::thread producer;
  std::thread stopper;
  {
    const support::held_loop held(b);
    CHECK(fill(l, ran) == capacity);
    producer = std::thread([&]() noexcept {
      try {
        for (;;) l.post([&ran] { ++ran; });
      } catch (const loopbridge::bridge_stopped&) {
        told = true;
      }
    });
    stopper = std::thread([&b]() noexcept { b.stop(); });
    while (!b.stopped()) std::this_thread::yield();
  }
  producer.join();
  stopper.join();
  CHECK(told);
  CHECK(ran >= capacity);
}

TEST_CASE("posts that meet a stop are each run, or refused, and never both or neither") {
  const support::watchdog dog;
  for (int round = 0; round < 300; ++round) {
    bridge b;
    lane l = b.lane();
    std::atomic<int> ran{0};
    int accepted = 0;
    std::latch together(2);
    std::thread producer([&]() noexcept {
      together.arrive_and_wait();
      for (status s = status::accepted; s != status::stopped;) {
        s = l.try_post([&ran] { ++ran; });
        if (s == status::accepted) ++accepted;
      }
    });
    together.arrive_and_wait();
    b.stop();
    producer.join();
    CHECK(ran == accepted);
  }
}

TEST_CASE("a lane of an adopted loop runs in its turns, and is released by a stop elsewhere") {
  const support::watchdog dog;
  support::app_loop app;
  support::error_log log;
  options opts;
  opts.on_unhandled_error = log.hook();
  bridge b = bridge::adopt(&app.loop, opts);
  lane l = b.lane();
  int ran = 0;
  l.post([&ran] { ++ran; });
  uv_run(&app.loop, UV_RUN_NOWAIT);
  uv_run(&app.loop, UV_RUN_NOWAIT);
  CHECK(ran == 1);
  std::thread producer([&]() noexcept {
    try {
      for (;;) l.post([&ran] { ++ran; });
    } catch (const loopbridge::bridge_stopped&) {
    }
  });
  std::thread([&]() noexcept { b.stop(); }).join();
  producer.join();
  CHECK(ran == 1);
  uv_run(&app.loop, UV_RUN_NOWAIT);
}

TEST_CASE("a lane lives in the bridge's memory, outlives the bridge, and refuses in a child") {
  const support::watchdog dog;
  support::counting_memory memory;
  {
    options opts;
    opts.memory = &memory;
    auto b = std::make_unique<bridge>(opts);
    const long before = memory.bytes_in_use();
    lane l = b->lane();
    CHECK(memory.bytes_in_use() >= before + 32 * capacity);
    CHECK(support::in_child([&] {
            return l.try_post([] {}) == status::wrong_process &&
                           l.post_reentrant([] {}) == status::wrong_process
                       ? 0
                       : 1;
          }) == 0);
    b.reset();
    CHECK(l.try_post([] {}) == status::stopped);
    lane moved = std::move(l);
    CHECK(moved.try_post([] {}) == status::stopped);
    CHECK(l.try_post([] {}) == status::stopped);
    CHECK_THROWS_AS(l.post([] {}), loopbridge::no_state);
  }
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("post_reentrant goes to the lane, or where that is full to the bridge's pool") {
  const support::watchdog dog;
  bridge b;
  lane l = b.lane();
  int ran = 0;
  {
    const support::held_loop held(b);
    CHECK(l.post_reentrant([&ran] { ++ran; }) == status::accepted);
    CHECK(fill(l, ran) == capacity - 1);
    CHECK(l.post_reentrant([&ran] { ++ran; }) == status::accepted);
  }
  catch_up(l);
  b.call([] {});
  CHECK(ran == capacity + 1);
}
