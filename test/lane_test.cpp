// bridge::lane: what is posted runs, in order, whatever becomes of the lane. (lane_full_test has
// the lanes without room, lane_stop_test the end of the bridge.)
#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/lane_tools.hpp"
#include "support/memory.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("lane");

using loopbridge::bridge;
using loopbridge::full_lane;
using loopbridge::lane;
using loopbridge::options;
using loopbridge::status;
using support::catch_up;
using support::lane_capacity;

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
  bridge b(support::reporting_to(log));
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

TEST_CASE("a lane lives in the bridge's memory, outlives the bridge, and refuses in a child") {
  const support::watchdog dog;
  support::counting_memory memory;
  {
    options opts;
    opts.memory = &memory;
    auto b = std::make_unique<bridge>(opts);
    const long before = memory.bytes_in_use();
    lane l = b->lane();
    CHECK(memory.bytes_in_use() >= before + 32 * lane_capacity);
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
