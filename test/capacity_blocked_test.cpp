// options::capacity: calls that wait for room, and everything that may end such a wait.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/app_loop.hpp"
#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("capacity: waits for room");

using loopbridge::bridge;
using loopbridge::bridge_full;
using loopbridge::bridge_stopped;
using loopbridge::options;
using loopbridge::status;
using loopbridge::timed_out;
using loopbridge::when_full;
using loopbridge::would_deadlock;
using namespace std::chrono_literals;
using support::generous;

namespace {

options of(std::size_t calls) {
  options opts = support::with_each_doorbell();
  opts.capacity = calls;
  return opts;
}

void until_blocked(const bridge& b, unsigned threads) {
  while (b.stats().blocked != threads) std::this_thread::yield();
}

/// Threads that each make one call of a bridge that is full.
class producers {
 public:
  template <class Call>
  producers(const bridge& b, unsigned threads, Call call) {
    for (unsigned n = 0; n < threads; ++n) {
      threads_.emplace_back([this, call]() noexcept {
        try {
          call();
          ++through;
        } catch (const bridge_stopped&) {
          ++stopped;
        } catch (const loopbridge::error&) {
        }
      });
    }
    until_blocked(b, threads);
  }
  void join() {
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  ~producers() { join(); }

  std::atomic<unsigned> through{0};
  std::atomic<unsigned> stopped{0};

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("all who wait for room go on when it appears, by whatever call") {
  const support::watchdog no_hang;
  bridge b(of(2));
  std::atomic<int> ran{0};
  const auto run = [&ran] { ++ran; };
  support::held_loop held(b);
  b.post(run);
  b.post(run);
  producers posting(b, 4, [&] { b.post(run); });
  std::thread try_post([&]() noexcept { CHECK(b.try_post(run) == status::accepted); });
  std::thread submit([&]() noexcept { b.submit(run).get(); });
  std::thread call([&]() noexcept { b.call(run); });
  std::thread call_for([&]() noexcept { b.call_for(generous, run); });
  until_blocked(b, 8);
  CHECK(b.stats().queued == 2);
  held.release();
  posting.join();
  for (std::thread* t : {&try_post, &submit, &call, &call_for}) t->join();
  b.call([] {});
  CHECK(ran == 10);
  CHECK(b.stats().blocked == 0);
  CHECK(b.stats().refused == 0);
}

TEST_CASE("a hundred producers of a bridge with one place all get it in turn") {
  const support::watchdog no_hang;
  bridge b(of(1));
  std::atomic<int> ran{0};
  support::held_loop held(b);
  b.post([&] { ++ran; });
  producers p(b, 100, [&] { b.post([&] { ++ran; }); });
  held.release();
  p.join();
  CHECK(p.through == 100);
  b.call([] {});
  CHECK(ran == 101);
}

TEST_CASE("patience ends: block_for refuses as full, call_for's own deadline is timed_out") {
  bridge b(of(1));
  support::counts counts;
  const support::held_loop held(b);
  b.post([] {});
  CHECK_THROWS_AS(b.with(when_full::block_for(1ms)).post([t = support::token(counts)] {}),
                  bridge_full);
  CHECK(b.with(when_full::block_for(0s)).try_post([t = support::token(counts)] {}) == status::full);
  CHECK_THROWS_AS(b.with(when_full::block_for(1ms)).call([t = support::token(counts)] {}),
                  bridge_full);
  CHECK_THROWS_AS(b.with(when_full::block_for(1ms)).call_for(generous, [] {}), bridge_full);
  CHECK_THROWS_AS(b.call_for(1ms, [t = support::token(counts)] {}), timed_out);
  CHECK_THROWS_AS(b.with(when_full::block_for(std::chrono::hours::max())).call_for(1ms, [] {}),
                  timed_out);
  CHECK(counts.alive() == 0);
  CHECK(b.stats().queued == 1);
  CHECK(b.stats().blocked == 0);
}

TEST_CASE("a stop releases all who wait for room, while the loop is still stuck") {
  const support::watchdog no_hang;
  options opts = of(1);
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  SUBCASE("what is queued runs") {}
  SUBCASE("what is queued is refused") {
    opts.on_stop = loopbridge::queued_calls::refuse;
  }
  bridge b(opts);
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  std::thread stopper([&]() noexcept { b.stop(); });
  p.join();  // the loop is held
  CHECK(p.stopped == 5);
  held.release();
  stopper.join();
}

TEST_CASE("a handler's stop has the loop release all who wait for room") {
  const support::watchdog no_hang;
  bridge b(of(1));
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  b.stop_reentrant();
  held.release();
  p.join();
  CHECK(p.stopped + p.through == 5);
}

TEST_CASE("an adopted loop that nobody runs any more releases them at a stop elsewhere") {
  const support::watchdog no_hang;
  support::app_loop app;
  options opts = of(1);
  opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  bridge b = bridge::adopt(&app.loop, opts);
  b.post([] {});
  producers p(b, 5, [&] { b.post([] {}); });
  std::thread([&]() noexcept { b.stop(); }).join();
  p.join();
  CHECK(p.stopped == 5);
  b.stop();
}

TEST_CASE("on the loop's thread nobody waits for room, and the error names the way out") {
  bridge b(of(1));
  std::string message;
  status tried = status::accepted;
  b.call([&] {
    b.post([] {});
    try {
      b.post([] {});
    } catch (const would_deadlock& e) {
      message = e.what();
    }
    CHECK_THROWS_AS((void)b.submit([] {}), would_deadlock);
    tried = b.try_post([] {});
    b.with(when_full::run_inline()).post([] {});
  });
  CHECK(message.find("run_inline") != std::string::npos);
  CHECK(tried == status::would_deadlock);
  b.call([] {});
  CHECK(b.stats().refused == 3);
}

TEST_CASE("loops that would wait for room in each other are told so, not hung") {
  const support::watchdog no_hang;
  bridge a(of(1));
  bridge b(of(1));
  std::atomic<int> refused{0};
  std::atomic<int> inside{0};
  const auto fill_other = [&](bridge& other) {
    ++inside;
    while (inside != 2) std::this_thread::yield();
    try {
      other.post([] {});
      other.post([] {});
    } catch (const would_deadlock&) {
      ++refused;
    }
  };
  const auto one = a.submit([&] { fill_other(b); });
  const auto two = b.submit([&] { fill_other(a); });
  one.get();
  two.get();
  CHECK(refused >= 1);
}

TEST_CASE("a thread cancelled while it waits for room goes on, and ends after its call" *
          doctest::skip(support::has_asan)) {
  const support::watchdog no_hang;
  bridge b(of(1));
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
  options opts = of(1);
  opts.reentrant_slots = 64;
  bridge b(opts);
  std::atomic<int> runs{0};
  loopbridge::reentrant_call call(b, [&] { ++runs; });
  to_fire = &call;
  fired = 0;
  struct sigaction act {};
  act.sa_handler = [](int) {
    if (to_fire->post() == status::accepted) ++fired;
  };
  struct sigaction before {};
  sigaction(SIGUSR1, &act, &before);
  support::held_loop held(b);
  b.post([] {});
  std::thread t([&]() noexcept { b.post([] {}); });
  until_blocked(b, 1);
  for (int n = 1; n <= 20; ++n) {
    pthread_kill(t.native_handle(), SIGUSR1);
    while (fired != n) std::this_thread::yield();
  }
  CHECK(b.stats().blocked == 1);  // it waits on
  held.release();
  t.join();
  sigaction(SIGUSR1, &before, nullptr);
  b.call([] {});
  CHECK(runs >= 1);
}

TEST_CASE("a child forked while producers wait for room is refused as in any other bridge") {
  const support::watchdog no_hang;
  bridge b(of(1));
  support::held_loop held(b);
  b.post([] {});
  producers p(b, 3, [&] { b.post([] {}); });
  const int in_child = support::in_child([&] {
    if (b.try_post([] {}) != status::wrong_process) return 1;
    if (b.with(when_full::drop_oldest()).try_post([] {}) != status::wrong_process) return 2;
    return 0;
  });
  CHECK(in_child == 0);
  held.release();
  p.join();
  CHECK(p.through == 3);
}
