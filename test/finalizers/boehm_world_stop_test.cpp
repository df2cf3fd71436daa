// The Boehm collector stops the world with signals, wherever its threads are: in a submission, in a
// wait, and in the loop's poll.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

#include "boehm.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("the Boehm collector stops the world");

namespace {

struct list {
  list* rest;
  int value;
};

list* make_list(int length) {
  list* made = nullptr;
  for (int i = 0; i < length; ++i) {
    auto* const longer = static_cast<list*>(GC_MALLOC(sizeof(list)));
    *longer = {made, i};
    made = longer;
  }
  return made;
}

/// A list whose memory was taken away and used again has other values, or none.
bool is_whole(const list* l, int length) {
  for (; length-- > 0; l = l->rest) {
    if (l == nullptr || l->value != length) return false;
  }
  return l == nullptr;
}

}  // namespace

// First in this file: its child must be forked before there is a collector.
TEST_CASE("negative control: with SIGPWR blocked on the loop thread no collection ever ends") {
  REQUIRE(GC_is_init_called() == 0);
  for (const bool blocked : {true, false}) {
    const int result = support::in_child([blocked] {
      boehm::start();
      loopbridge::options opts = boehm::with_registered_loop();
      if (blocked) {
        opts.blocked_signals.emplace();
        sigfillset(&*opts.blocked_signals);
      }
      loopbridge::bridge b(opts);
      support::catch_up(b);
      if (blocked) alarm(1);  // it never ends, so no machine is too slow for this
      GC_gcollect();
      return 0;
    });
    CHECK((result != 0) == blocked);
  }
}

TEST_CASE("the world stops while calls are in flight, and all are answered with live objects") {
  const support::watchdog dog;
  boehm::start();
  bool loop_registered = true;
  SUBCASE("the loop thread is registered, and allocates") {}
  SUBCASE("the loop thread is not registered, and keeps away from the collector's objects") {
    loop_registered = false;
  }
  constexpr int threads = 3, collections = 150, length = 50;
  std::atomic<bool> enough{false};
  std::atomic<int> answered{0}, broken{0};
  loopbridge::bridge b(loop_registered ? boehm::with_registered_loop() : loopbridge::options{});
  std::atomic<int> fired{0};
  loopbridge::reentrant_call call(b, [&](std::uint64_t firings) { fired += int(firings); });
  std::atomic<int> firings{0};
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&]() noexcept {
      const boehm::registered_thread here;
      while (!enough) {
        if (loop_registered) {  // the object is on the loop's stack, in the result, on this stack
          const list* const l = b.call([] { return make_list(length); });
          if (!is_whole(l, length)) ++broken;
        } else {
          const list* const l = make_list(length);
          const int sum = b.submit([] { return 7; }).get();
          if (!is_whole(l, length) || sum != 7) ++broken;
        }
        if (call.call_for(support::generous) != loopbridge::status::answered) ++broken;
        ++firings;
        ++answered;
      }
    });
  }
  const auto before = GC_get_gc_no();
  for (int i = 0; i < collections || answered < 1000; ++i) GC_gcollect();
  enough = true;
  for (std::thread& w : workers) w.join();
  CHECK(GC_get_gc_no() - before >= collections);
  CHECK(answered >= 1000);
  CHECK(broken == 0);
  support::catch_up(b);
  CHECK(fired == firings);
}

TEST_CASE("a collector that runs on the loop thread stops the threads that wait for it") {
  const support::watchdog dog;
  boehm::start();
  loopbridge::bridge b(boehm::with_registered_loop());
  std::vector<std::thread> waiters;
  std::atomic<int> intact{0};
  for (int t = 0; t < 3; ++t) {
    waiters.emplace_back([&]() noexcept {
      const boehm::registered_thread here;
      for (int i = 0; i < 30; ++i) {
        const list* const l = make_list(20);
        b.call([] { GC_gcollect(); });
        if (is_whole(l, 20)) ++intact;
      }
    });
  }
  for (std::thread& w : waiters) w.join();
  CHECK(intact == 90);
}
