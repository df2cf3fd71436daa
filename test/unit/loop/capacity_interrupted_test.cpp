// options::capacity: waits for room that a cancel, a handler or a fork interrupts.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <thread>

#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/producers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("capacity: interrupted waits");

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::status;
using support::producers;
using support::until_blocked;
using support::with_capacity;

TEST_CASE("a thread cancelled while it waits for room goes on, and ends after its call" *
          doctest::skip(support::has_asan)) {
  const support::watchdog no_hang;
  bridge b(with_capacity(1));
  std::atomic<int> ran{0};
  struct {
    bridge& b;
    std::atomic<int>& ran;
    std::atomic<bool> returned{false};
  } shared{b, ran};
  support::held_loop held(b);
  b.post([] {});
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void* p) -> void* {
                auto& s = *static_cast<decltype(shared)*>(p);
                s.b.post([&s] { ++s.ran; });
                s.returned = true;
                pthread_testcancel();
                return nullptr;
              },
              &shared) == 0);
  until_blocked(b, 1);
  pthread_cancel(thread);
  held.release();
  void* result = nullptr;
  pthread_join(thread, &result);
  CHECK(result == PTHREAD_CANCELED);
  CHECK(shared.returned);
  b.call([] {});
  CHECK(ran == 1);
}

namespace {
loopbridge::reentrant_call* to_fire = nullptr;
std::atomic<int> fired{0};
}  // namespace

TEST_CASE("a handler interrupts a thread that waits for room: it submits, past the full queue") {
  const support::watchdog no_hang;
  options opts = with_capacity(1);
  opts.reentrant_slots = 64;
  bridge b(opts);
  std::uint64_t firings = 0;  // the loop's
  loopbridge::reentrant_call call(b, [&](std::uint64_t n) { firings += n; });
  to_fire = &call;
  fired = 0;
  struct sigaction act{};
  act.sa_handler = [](int) {
    if (to_fire->post() == status::accepted) ++fired;
  };
  struct sigaction before{};
  sigaction(SIGUSR1, &act, &before);
  support::held_loop held(b);
  b.post([] {});
  std::thread t([&]() noexcept { b.post([] {}); });
  until_blocked(b, 1);
  for (int n = 1; n <= 20; ++n) {
    pthread_kill(t.native_handle(), SIGUSR1);
    REQUIRE(support::comes_true([&] { return fired == n; }));
  }
  CHECK(b.stats().blocked == 1);  // it waits on
  held.release();
  t.join();
  sigaction(SIGUSR1, &before, nullptr);
  b.call([] {});
  CHECK(firings == 20);
}

TEST_CASE("a child forked while producers wait for room is refused as in any other bridge") {
  const support::watchdog no_hang;
  bridge b(with_capacity(1));
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 3, [&] { b.post([] {}); });
  CHECK(support::in_child([&] { return b.try_post([] {}) == status::wrong_process ? 0 : 1; }) == 0);
  held.release();
  p.join();
  CHECK(p.through == 3);
}

namespace {
std::atomic<int> hung{0};
}  // namespace

TEST_CASE(
    "handlers may interrupt calls of a full bridge, and wait for the loop: it is not locked out") {
  const support::watchdog no_hang;
  bridge b(options{.capacity = 2});
  loopbridge::reentrant_call call(b, [] {});
  to_fire = &call;
  fired = 0;
  hung = 0;
  struct sigaction act{};
  act.sa_handler = [](int) {
    if (to_fire->call_for(std::chrono::seconds(2)) != status::answered) ++hung;
    ++fired;
  };
  struct sigaction before{};
  sigaction(SIGUSR1, &act, &before);
  std::atomic<bool> enough{false};
  std::thread storm([&, target = pthread_self()]() noexcept {
    for (int n = 1; n <= 500 && hung == 0; ++n) {
      pthread_kill(target, SIGUSR1);
      if (!support::comes_true([&] { return fired >= n; })) ++hung;
    }
    enough = true;
  });
  std::atomic<int> ran{0};
  int posted = 0;
  while (!enough) posted += b.try_post([&] { ++ran; }) == status::accepted ? 1 : 0;
  storm.join();
  sigaction(SIGUSR1, &before, nullptr);
  CHECK(hung == 0);
  CHECK(fired == 500);
  b.stop();
  CHECK(ran == posted);
}
