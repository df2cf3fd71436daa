#include <doctest/doctest.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <loopbridge/detail/sync/slot_pool.hpp>
#include <new>
#include <set>
#include <thread>
#include <vector>

TEST_SUITE_BEGIN("slot_pool");

using loopbridge::detail::slot_bits;
using loopbridge::detail::slot_pool;

TEST_CASE("each slot is claimed once until it is released") {
  for (const unsigned slots : {0u, 1u, 16u, 63u, 64u}) {
    CAPTURE(slots);
    slot_bits bits(slots);
    std::set<unsigned> claimed;
    for (unsigned i = 0; i < slots; ++i) claimed.insert(bits.claim());
    CHECK(claimed.size() == slots);
    CHECK((slots == 0 || *claimed.rbegin() == slots - 1));
    CHECK(bits.claim() == slot_bits::none);
  }
}

TEST_CASE("a released slot is the one that can be claimed again") {
  slot_bits bits(8);
  for (unsigned i = 0; i < 8; ++i) (void)bits.claim();
  for (const unsigned i : {5u, 0u, 7u}) {
    bits.release(i);
    CHECK(bits.claim() == i);
    CHECK(bits.claim() == slot_bits::none);
  }
}

TEST_CASE("a pool has as many slots as it was asked for, rounded up to 64") {
  CHECK(slot_pool<int>(1).size() == 64);
  CHECK(slot_pool<int>(64).size() == 64);
  CHECK(slot_pool<int>(65).size() == 128);
  CHECK(slot_pool<int>(256).size() == 256);
}

TEST_CASE("a pool gives out all its slots, each once, then none") {
  slot_pool<int> pool(130);
  std::set<int*> claimed;
  for (std::size_t i = 0; i < pool.size(); ++i) claimed.insert(pool.claim());
  CHECK(claimed.size() == 192);
  CHECK(claimed.count(nullptr) == 0);
  CHECK(pool.claim() == nullptr);
}

TEST_CASE("a slot released to a full pool is the one that is claimed next, in any word") {
  slot_pool<int> pool(192);
  std::vector<int*> slots;
  for (std::size_t i = 0; i < pool.size(); ++i) slots.push_back(pool.claim());
  for (const std::size_t i : {0, 63, 64, 127, 128, 191}) {
    CAPTURE(i);
    pool.release(*slots[i]);
    CHECK(pool.claim() == slots[i]);
    CHECK(pool.claim() == nullptr);
  }
}

TEST_CASE("more slots than any memory holds are refused, not wrapped to none") {
  for (const std::size_t slots : {SIZE_MAX, SIZE_MAX - 62, SIZE_MAX - 63, SIZE_MAX / 64 * 64,
                                  SIZE_MAX / 2, SIZE_MAX / sizeof(long) + 1}) {
    CAPTURE(slots);
    CHECK_THROWS_AS(slot_pool<long>{slots}, std::bad_alloc);
  }
}

TEST_CASE("a pool of no slots refuses") {
  slot_pool<int> pool(0);
  CHECK(pool.size() == 0);
  CHECK(pool.claim() == nullptr);
}

TEST_CASE("threads that claim at once never share a slot, and see it as its last user left it") {
  struct slot {
    std::atomic<int> users{0};
    int uses = 0;  // not atomic: handed on by release and claim
  };
  constexpr int threads = 4;
  constexpr int each = 20000;
  slot_pool<slot> pool(64);
  std::vector<slot*> kept;
  for (int i = 0; i < 62; ++i) kept.push_back(pool.claim());  // two are left for four threads
  std::atomic<int> shared{0};
  std::atomic<int> used{0};
  std::barrier<> start(threads);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&]() noexcept {
      start.arrive_and_wait();
      for (int i = 0; i < each; ++i) {
        slot* const s = pool.claim();
        if (s == nullptr) continue;
        if (s->users.fetch_add(1) != 0) ++shared;
        ++s->uses;
        ++used;
        s->users.fetch_sub(1);
        pool.release(*s);
      }
    });
  }
  for (std::thread& t : all) t.join();
  CHECK(shared == 0);
  slot* const a = pool.claim();
  slot* const b = pool.claim();
  REQUIRE(a != nullptr);
  REQUIRE(b != nullptr);
  CHECK(a->uses + b->uses == used);
}
