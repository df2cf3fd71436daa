// bridge::post_reentrant.
#include <doctest/doctest.h>
#include <errno.h>

#include <array>
#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("reentrant_post");

namespace {

using loopbridge::bridge;
using loopbridge::loop_ref;
using loopbridge::status;
using support::generous;

loopbridge::options with_slots(std::size_t slots) {
  loopbridge::options opts;
  opts.reentrant_slots = slots;
  return opts;
}

void count(int* n) {
  ++*n;
}

}  // namespace

TEST_CASE("it runs on the loop with its value, in order with other calls") {
  bridge b(support::with_each_doorbell());
  std::vector<int> ran;
  {
    const support::held_loop held(b);
    CHECK(b.post_reentrant([r = &ran](int n) { r->push_back(n); }, 1) == status::accepted);
    b.post([&] { ran.push_back(2); });
    CHECK(b.post_reentrant([r = &ran] { r->push_back(3); }) == status::accepted);
    CHECK(b.post_reentrant([r = &ran](loop_ref l, int n) { r->push_back(l.get() ? n : 0); }, 4) ==
          status::accepted);
    CHECK(b.post_reentrant([r = &ran](loop_ref l) { r->push_back(l.get() ? 5 : 0); }) ==
          status::accepted);
  }
  support::catch_up(b);
  CHECK(ran == std::vector{1, 2, 3, 4, 5});
}

TEST_CASE("functions are callables, and a sleeping loop is woken each time") {
  bridge b(support::with_each_doorbell());
  int n = 0;
  for (int i = 1; i <= 200; ++i) {
    REQUIRE(b.post_reentrant(count, &n) == status::accepted);
    support::catch_up(b);
    REQUIRE(n == i);
  }
}

TEST_CASE("as many bytes as the capacity says are carried unharmed") {
  constexpr std::size_t capacity = loopbridge::detail::reentrant_post::capacity;
  struct closure {
    std::array<unsigned char, capacity - sizeof(int*)> bytes;
    int* right;
    void operator()() const {
      *right = 1;
      for (std::size_t i = 0; i < bytes.size(); ++i) *right &= bytes[i] == i * 3 ? 1 : 0;
    }
  };
  static_assert(sizeof(closure) == capacity);
  bridge b;
  int right = 0;
  closure c{{}, &right};
  for (std::size_t i = 0; i < c.bytes.size(); ++i) c.bytes[i] = static_cast<unsigned char>(i * 3);
  CHECK(b.post_reentrant(c) == status::accepted);
  support::catch_up(b);
  CHECK(right == 1);
}

TEST_CASE("when all slots are queued the next one is refused, and none is lost") {
  loopbridge::options opts = support::with_each_doorbell();
  opts.reentrant_slots = 100;  // rounded up to 128
  bridge b(opts);
  int n = 0;
  for (int round = 1; round <= 3; ++round) {
    {
      const support::held_loop held(b);
      for (int i = 0; i < 128; ++i) REQUIRE(b.post_reentrant(count, &n) == status::accepted);
      CHECK(b.post_reentrant(count, &n) == status::exhausted);
    }
    support::catch_up(b);
    CHECK(n == round * 128);
  }
}

TEST_CASE("a slot is free again before its callable runs, so that it may post anew") {
  bridge b(with_slots(1));
  struct again {
    bridge* b;
    int* left;
    void operator()() const {
      if (--*left > 0 && b->post_reentrant(*this) != status::accepted) *left = -1000;
    }
  };
  int left = 500;
  {
    const support::held_loop held(b);
    CHECK(b.post_reentrant(again{&b, &left}) == status::accepted);
    for (int i = 0; i < 63; ++i) REQUIRE(b.post_reentrant([] {}) == status::accepted);
  }
  CHECK(support::comes_true([&] { return b.call_for(generous, [&] { return left; }) <= 0; }));
  CHECK(left == 0);
}

TEST_CASE("threads that post at once lose nothing of what was accepted") {
  bridge b(support::with_each_doorbell());
  int n = 0;
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&]() noexcept {
      for (int i = 0; i < 3000; ++i) {
        if (b.post_reentrant(count, &n) == status::accepted) ++accepted;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  support::catch_up(b);
  CHECK(n == accepted);
  CHECK(accepted > 0);
}

TEST_CASE("what it throws is reported, and its slot is free") {
  const support::error_log log;
  loopbridge::options opts = support::reporting_to(log);
  opts.reentrant_slots = 64;
  bridge b(opts);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(b.post_reentrant([] { throw std::runtime_error("posted"); }) == status::accepted);
    support::catch_up(b);
  }
  REQUIRE(log.size() == 100);
  CHECK(log.entries()[0].what == "posted");
  CHECK(log.entries()[0].file == __FILE__);
}

TEST_CASE("what is queued when the bridge stops runs, or is refused and reported") {
  const support::error_log log;
  loopbridge::options opts = support::reporting_to(log);
  int n = 0;
  SUBCASE("run") {
    bridge b(opts);
    {
      const support::held_loop held(b);
      CHECK(b.post_reentrant(count, &n) == status::accepted);
      b.stop_reentrant();
      CHECK(b.post_reentrant(count, &n) == status::bridge_stopped);
    }
    b.stop();
    CHECK(n == 1);
    CHECK(log.size() == 0);
  }
  SUBCASE("refuse") {
    bridge b(support::refusing(opts));
    support::stop_while_queued(b, [&] { CHECK(b.post_reentrant(count, &n) == status::accepted); });
    CHECK(n == 0);
    REQUIRE(log.size() == 1);
    CHECK(support::holds<loopbridge::bridge_stopped>(log.entries()[0].error));
  }
}

TEST_CASE("a stopped bridge says stopped, even when all its slots are taken") {
  bridge b(with_slots(64));
  int n = 0;
  {
    const support::held_loop held(b);
    for (int i = 0; i < 64; ++i) REQUIRE(b.post_reentrant(count, &n) == status::accepted);
    b.stop_reentrant();
    CHECK(b.post_reentrant(count, &n) == status::bridge_stopped);
  }
  b.stop();
  for (int i = 0; i < 100; ++i) REQUIRE(b.post_reentrant(count, &n) == status::bridge_stopped);
  CHECK(n == 64);
}

TEST_CASE("a bridge without slots refuses as exhausted") {
  bridge b(with_slots(0));
  CHECK(b.post_reentrant([] {}) == status::exhausted);
}

TEST_CASE("in a forked child it is refused") {
  bridge b(support::with_each_doorbell());
  int n = 0;
  CHECK(support::in_child(
            [&] { return b.post_reentrant(count, &n) == status::wrong_process ? 0 : 1; }) == 0);
  support::catch_up(b);
  CHECK(n == 0);
}

TEST_CASE("errno is kept, accepted or refused, and with a doorbell to ring") {
  loopbridge::options opts = support::with_each_doorbell();
  opts.reentrant_slots = 64;
  bridge b(opts);
  support::catch_up(b);
  errno = 1234;
  for (int i = 0; i < 200; ++i) (void)b.post_reentrant([] {});
  CHECK(errno == 1234);
  b.stop_reentrant();
  CHECK(errno == 1234);
  (void)b.post_reentrant([] {});
  CHECK(errno == 1234);
}
