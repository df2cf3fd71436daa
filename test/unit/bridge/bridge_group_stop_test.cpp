// How a group ends: laws 1, 2 and 5 for a group.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/resources.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("bridge_group_stop");

using loopbridge::bridge;
using loopbridge::bridge_group;
using loopbridge::bridge_stopped;
using loopbridge::queued_calls;
using loopbridge::status;
using loopbridge::would_deadlock;
using support::comes_true;

namespace {

/// Counts the loops' threads that have ended.
loopbridge::options counting(std::atomic<int>& exits) {
  loopbridge::options opts;
  opts.on_thread_exit = [&exits] { ++exits; };
  return opts;
}

bool all_stopped(bridge_group& group) {
  return std::all_of(group.begin(), group.end(),
                     [](const bridge& b) { return b.stop_requested(); });
}

/// A call whose answer never comes by itself.
loopbridge::eventual<int> never(bridge& b, loopbridge::completer<int>& kept) {
  return b.submit([&kept] { return kept.get_deferred(); });
}

}  // namespace

TEST_CASE("law 1: of calls that come while a group stops each runs once, or is refused") {
  for (const auto policy : {queued_calls::run, queued_calls::refuse}) {
    for (int round = 0; round < 12; ++round) {
      support::error_log log;
      auto opts = support::reporting_to(log);
      opts.on_stop = policy;
      const support::watchdog in_time;
      bridge_group group(3, opts);
      std::atomic<int> accepted{0};
      std::atomic<int> ran{0};
      std::vector<std::jthread> threads;
      std::latch under_way(4);
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&]() noexcept {
          under_way.arrive_and_wait();
          // One loop refuses a little before another: until all do.
          for (int n = 0; !all_stopped(group); ++n) {
            try {
              group.next().post([&ran] { ++ran; });
              ++accepted;
              if (n % 16 == 0) group.next().call([] {});  // so that the queues stay short
            } catch (const bridge_stopped&) {
            }
          }
        });
      }
      under_way.arrive_and_wait();
      if (round % 4 < 2) {
        group.stop();
      } else {
        group.next().post([&] { group.stop(); });
        ++accepted;
        ++ran;
      }
      threads.clear();
      group.stop();
      CHECK(ran + int(log.size()) == accepted);
      if (policy == queued_calls::run) CHECK(log.size() == 0);
      CHECK(group.next().try_post([] {}) == status::bridge_stopped);
      CHECK_THROWS_AS(group.next().call([] {}), bridge_stopped);
    }
  }
}

TEST_CASE("law 2: every waiter of every loop ends when the group does, however it is stopped") {
  enum class way { by_thread, by_own_loop, by_handler_call, by_destructor };
  for (const way w : {way::by_thread, way::by_own_loop, way::by_handler_call, way::by_destructor}) {
    CAPTURE(int(w));
    const support::watchdog in_time;
    std::optional<bridge_group> group(std::in_place, 3);
    std::vector<loopbridge::completer<int>> kept(3);
    std::vector<loopbridge::eventual<int>> answers;
    for (std::size_t n = 0; n < 3; ++n) {
      answers.push_back(never((*group)[n], kept[n]));
      support::catch_up((*group)[n]);
    }
    std::atomic<int> stopped{0};
    std::vector<std::jthread> waiters;
    for (auto& answer : answers) {
      waiters.emplace_back([&]() noexcept {
        try {
          answer.get();
        } catch (const bridge_stopped&) {
          ++stopped;
        }
      });
    }
    switch (w) {
      case way::by_thread:
        group->stop();
        break;
      case way::by_own_loop:
        (*group)[1].call([&] { group->stop(); });
        break;
      case way::by_handler_call:
        for (bridge& b : *group) b.stop_reentrant();
        break;
      case way::by_destructor:
        group.reset();
        break;
    }
    waiters.clear();
    CHECK(stopped == 3);
  }
}

TEST_CASE("all loops are told to stop before any is waited for, by stop() and the destructor") {
  for (const bool by_destructor : {false, true}) {
    CAPTURE(by_destructor);
    std::optional<bridge_group> group(std::in_place, 3);
    std::vector<bridge*> loops;
    for (std::size_t n = 0; n < 3; ++n) loops.push_back(&(*group)[n]);
    support::held_loop first(*loops[0]);
    support::held_loop last(*loops[2]);
    std::jthread stopper([&]() noexcept { by_destructor ? group.reset() : group->stop(); });
    // Neither can have been waited for: they are held.
    CHECK(comes_true([&] { return loops[0]->stop_requested() && loops[2]->stop_requested(); }));
    first.release();
    last.release();
  }
}

TEST_CASE("a loop that cannot be waited for keeps stop() from none of the others") {
  std::atomic<int> exits{0};
  int exits_when_thrown = -1;
  const support::watchdog in_time;
  {
    bridge_group group(3, counting(exits));
    bridge other;
    const auto stopper = other.call([] { return gettid(); });
    support::held_loop last(group[2]);
    std::jthread releases([&]() noexcept {
      // Until stop() waits for the last, or has failed to.
      (void)comes_true([&] { return all_stopped(group) && support::sleeps(stopper); });
      last.release();
    });
    // The first loop waits for the one that stops the group.
    CHECK_THROWS_AS(group[0].call([&] {
      other.call([&] {
        try {
          group.stop();
        } catch (const would_deadlock&) {
          exits_when_thrown = exits;
          throw;
        }
      });
    }),
                    would_deadlock);
  }
  CHECK(exits_when_thrown == 2);
  CHECK(exits == 3);
}

TEST_CASE("on a thread of one of its loops stop() waits for none, and all end") {
  std::atomic<int> exits{0};
  const support::watchdog in_time;
  bridge_group group(3, counting(exits));
  support::held_loop held(group[2]);
  // Two at once, each of which the other would have to wait for.
  std::latch both(2);
  const auto stop = [&] {
    both.arrive_and_wait();
    group.stop();
    return exits.load();
  };
  auto first = group[0].submit(stop);
  auto second = group[1].submit(stop);
  CHECK(first.get() < 3);  // one is held still
  CHECK(second.get() < 3);
  held.release();
  CHECK(comes_true([&] { return exits == 3; }));
  group.stop();  // again, and by another thread: joins
}

TEST_CASE("a group may be destroyed on the thread of one of its loops, with calls queued") {
  std::atomic<int> exits{0};
  const support::watchdog in_time;
  auto group = std::make_unique<bridge_group>(2, counting(exits));
  support::gate go;
  (*group)[0].post([&] {
    (void)go.wait();
    group.reset();
  });
  for (int i = 0; i < 20; ++i) group->next().post([] {});
  go.open();
  CHECK(comes_true([&] { return exits == 2; }));
}

TEST_CASE("law 5: a loop that waits for its neighbours is told so once one of them waits for it") {
  const support::watchdog in_time;
  bridge_group group(3);
  for (bridge& own : group) {
    CHECK_THROWS_AS(own.call([&] { own.call([] {}); }), would_deadlock);
    CHECK_THROWS_AS(own.call([&] {
      for (std::size_t n = 0; n < group.size(); ++n) group.next().call([] {});
    }),
                    would_deadlock);
    CHECK(own.call([&] { return group.next().try_post([] {}); }) == status::accepted);
  }
  // Each waits for the next: one of them is refused, the others end.
  std::latch all(3);
  std::atomic<int> refused{0};
  std::vector<loopbridge::eventual<void>> waiting;
  for (std::size_t n = 0; n < 3; ++n) {
    waiting.push_back(group[n].submit([&, n] {
      all.arrive_and_wait();
      try {
        group[(n + 1) % 3].call([] {});
      } catch (const would_deadlock&) {
        ++refused;
      }
    }));
  }
  for (const auto& w : waiting) w.get();
  CHECK(refused >= 1);
}
